"""Samplers that answer benchmarks in a known way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Sampler
from support.scripted import Killed


class RightFor(Sampler):
    """Answers right where a digest of the problem's id says so; the same everywhere.

    Args:
        share: Of problems that are answered right.
        salt: Another choice of problems.
        log: A file in which each problem that is asked is noted.
        kill_after: The number of problems after which it raises `Killed`.
    """

    def __init__(self, share: float = 1.0, salt: str = "", log: str | None = None, kill_after: int = -1) -> None:
        self.share = share
        self.salt = salt
        self.log = log
        self.kill_after = kill_after

    def load_policy(self, policy: Any) -> None:
        self.encoder = policy.encoder

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        for position, problem in enumerate(problems):
            if self.kill_after == 0:
                raise Killed
            self.kill_after -= 1
            if self.log:
                with Path(self.log).open("a") as lines:
                    lines.write(f"{problem.id} {sampling.n}\n")
            texts = [self._text(problem, index) for index in range(sampling.n)]
            responses = [
                Response(text=text, token_ids=self.encoder.response_ids(text), temperature=sampling.temperature)
                for text in texts
            ]
            yield position, Rollout(problem=problem, responses=responses)

    def _text(self, problem: Problem, index: int) -> str:
        drawn = hashlib.sha256(f"{self.salt} {problem.id} {index}".encode()).digest()
        right = int.from_bytes(drawn[:4], "big") / 2**32 < self.share
        return f"Step 1: Look.\nAnswer: {problem.answer if right else 'none of these'}"
