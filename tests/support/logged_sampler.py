"""A sampler that notes what it has sampled, however its process ends; stages name it in their configs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers import TransformersSampler


class LoggedSampler(TransformersSampler):
    """Appends `seed problem-id` to a file for every finished problem.

    Args:
        log: The file.
        batch_size: As for `TransformersSampler`.
    """

    def __init__(self, log: str, batch_size: int = 32) -> None:
        super().__init__(batch_size)
        self.log = log

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            for position, rollout in super().sample(problems, sampling, prefixes):
                os.write(file, f"{sampling.seed} {rollout.problem.id}\n".encode())
                yield position, rollout
        finally:
            os.close(file)
