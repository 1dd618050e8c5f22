"""Scores of many chains: prompts and images encoded once for all chains about a problem, and read in batches.

Notation: R responses, S steps (padded).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lit_mstar.encoding.encoder import Batch
from lit_mstar.encoding.prompt_cache import encode_prompts, equal_prompts, fit, inference
from lit_mstar.encoding.sharing import can_share
from lit_mstar.encoding.step_encoding import StepExample, collate_steps, step_ids
from lit_mstar.rollouts.nouns import Problem, Rollout

_STEPS = ["Step 1: The first is 3.", "Step 2: 3 + 4 = 7."]


class ChainScores:
    """How a `ProcessRewardModule` scores.

    Args:
        prm: Whose model, head and calibration it uses.
    """

    def __init__(self, prm: Any) -> None:
        self._of = (prm,)  # in a tuple, so that torch does not take it for a part

    @property
    def prm(self) -> Any:
        """The module."""
        return self._of[0]

    def score(self, rollouts: Sequence[Rollout]) -> list[list[list[float]]]:
        """See `ProcessRewardModule.score`."""
        scores: list[list[list[float]]] = [[[] for _ in rollout.responses] for rollout in rollouts]
        with inference(self.prm):
            share = self._can_share()
            for keys in self._batches(rollouts):
                position = {i: p for p, i in enumerate(dict.fromkeys(i for i, _ in keys))}
                problems = [rollouts[i].problem for i in position]
                chains = [rollouts[i].responses[j].steps for i, j in keys]
                values = self._score_chains(problems, [position[i] for i, _ in keys], chains, share)
                for (i, j), value in zip(keys, values, strict=True):
                    scores[i][j] = value
        return scores

    def _can_share(self) -> bool:
        if self.prm._shares is None:
            self.prm._shares = can_share(self._compare, self.prm.encoder, self.prm.model.dtype, "PRM")
        return bool(self.prm._shares)

    def _compare(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        owners, chains = [1, 0, 1], [_STEPS, _STEPS, _STEPS[:1]]
        ways = (self._chain_logits(list(problems), owners, chains, share) for share in (True, False))
        shared, whole = (torch.cat([row[: len(chain)] for row, chain in zip(way, chains, strict=True)]) for way in ways)
        return shared, whole

    def _batches(self, rollouts: Sequence[Rollout]) -> Iterator[list[tuple[int, int]]]:
        """Which chains, as (rollout, response), are scored together: those of equally long prompts.

        A problem with more than `batch_size` of them is divided, and its prompt encoded once for each part.
        """
        size = self.prm.batch_size
        chains = {i: [(i, j) for j, r in enumerate(x.responses) if r.steps] for i, x in enumerate(rollouts)}
        owners = [i for i, keys in chains.items() if keys]  # problems without any step need no forward pass
        width = max((len(rollout.responses) for rollout in rollouts), default=1)
        prompts = [(rollouts[i].problem, "") for i in owners]
        for rows in equal_prompts(self.prm.encoder, prompts, max(1, size // max(1, width))):
            keys = [key for row in rows for key in chains[owners[row]]]
            yield from (keys[start : start + size] for start in range(0, len(keys), size))

    def _score_chains(
        self, problems: list[Problem], owners: list[int], chains: list[list[str]], share: bool
    ) -> list[list[float]]:
        """Scores chains of steps; chain r belongs to problem `owners[r]`."""
        logits = self.prm.calibration(self._chain_logits(problems, owners, chains, share))
        return [row[: len(steps)] for row, steps in zip(logits.sigmoid().tolist(), chains, strict=True)]

    def _chain_logits(self, problems: list[Problem], owners: list[int], chains: list[list[str]], share: bool) -> Tensor:
        """Logits (R, S) of R chains; prompts are encoded once per problem, or, if not shared, once per chain."""
        prm = self.prm
        if not share:
            examples = [
                StepExample(problems[i], steps, [0.0] * len(steps)) for i, steps in zip(owners, chains, strict=True)
            ]
            batch = model_inputs(collate_steps(prm.encoder, examples))
            return cast(Tensor, prm(**{name: value.to(prm.device) for name, value in batch.items()}))
        prompts = encode_prompts(prm.model, fit(prm.encoder.prompts(problems), prm.model))
        prompts.rows(torch.tensor(owners, device=prm.device))  # P rows to R
        pieces = [step_ids(prm.encoder, steps) for steps in chains]
        ids = pad_sequence([torch.tensor(ids, device=prm.device) for ids, _ in pieces], batch_first=True)
        ends = pad_sequence([torch.tensor(ends, device=prm.device) for _, ends in pieces], batch_first=True)
        return cast(Tensor, prm(ends, **prompts.continued(ids)))


def model_inputs(batch: Batch) -> dict[str, Tensor]:
    """What of a batch of labelled chains goes through the model."""
    return {name: value for name, value in batch.items() if name not in ("labels", "draws", "targets")}
