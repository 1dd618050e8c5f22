"""Scores of many chains: prompts and images encoded once for all chains about a problem, equal chains scored once.

Notation: R responses, S steps (padded).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lit_mstar.encoding.encoder import Batch
from lit_mstar.encoding.prompt_cache import EncodedPrompts, encode_prompts, equal_prompts, fit, inference
from lit_mstar.encoding.sharing import can_share
from lit_mstar.encoding.step_encoding import StepExample, chain_ids, collate_steps
from lit_mstar.rollouts.nouns import Problem, Rollout

Chain = tuple[str, ...]
_ROUNDS = 4  # batches of chains about the prompts that are encoded together, ours: enough to put like lengths together
_STEPS = ("Step 1: The first is 3.", "Step 2: 3 + 4 = 7.")


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
        found: dict[tuple[int, Chain], list[float]] = {}
        with inference(self.prm):
            share = self._can_share()
            for problems, keys in self._batches(rollouts):
                position = {i: p for p, i in enumerate(problems)}
                owners, chains = [position[i] for i, _ in keys], [chain for _, chain in keys]
                logits = self._logits([rollouts[i].problem for i in problems], owners, chains, share)
                values = self.prm.calibration(pad_sequence(logits, batch_first=True)).sigmoid().tolist()
                found |= {key: value[: len(key[1])] for key, value in zip(keys, values, strict=True)}
        return [[list(found.get((i, tuple(r.steps)), [])) for r in x.responses] for i, x in enumerate(rollouts)]

    def _can_share(self) -> bool:
        if self.prm._shares is None:
            self.prm._shares = can_share(self._compare, self.prm.encoder, self.prm.model.dtype, "PRM")
        return bool(self.prm._shares)

    def _compare(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        owners, chains = [1, 0, 1], [_STEPS, _STEPS, _STEPS[:1]]
        shared, whole = (self._logits(problems, owners, chains, share) for share in (True, False))
        return torch.cat(shared), torch.cat(whole)

    def _batches(self, rollouts: Sequence[Rollout]) -> Iterator[tuple[list[int], list[tuple[int, Chain]]]]:
        """Problems with equally long prompts, and their different chains as (rollout, chain).

        They are about `_ROUNDS` batches of chains, or one where there are few chains to a problem: beside `batch_size`
        responses, no more prompts are in memory than with one response each.
        """
        chains = {
            i: list(dict.fromkeys(tuple(r.steps) for r in x.responses if r.steps)) for i, x in enumerate(rollouts)
        }
        owners = [i for i, of_problem in chains.items() if of_problem]  # without any step, no forward pass is needed
        width = max((len(chains[i]) for i in owners), default=1)
        prompts = [(rollouts[i].problem, "") for i in owners]
        for rows in equal_prompts(self.prm.encoder, prompts, max(1, self.prm.batch_size // min(width, _ROUNDS))):
            problems = [owners[row] for row in rows]
            yield problems, [(i, chain) for i in problems for chain in chains[i]]

    def _logits(
        self, problems: Sequence[Problem], owners: Sequence[int], chains: Sequence[Chain], share: bool
    ) -> list[Tensor]:
        """Logits (S,) of each chain; chain r belongs to problem `owners[r]`. Those of like lengths go together.

        Prompts are encoded once per problem, or, if not shared, once per chain.
        """
        prm = self.prm
        pieces = chain_ids(prm.encoder, chains)
        order = sorted(range(len(chains)), key=lambda r: -len(pieces[r][0]))
        prompts = encode_prompts(prm.model, fit(prm.encoder.prompts(problems), prm.model)) if share else None
        found: dict[int, Tensor] = {}
        for start in range(0, len(order), prm.batch_size):
            rows = order[start : start + prm.batch_size]
            if prompts is None:
                logits = self._whole([problems[owners[r]] for r in rows], [chains[r] for r in rows])
            else:
                begun = prompts.copy() if len(rows) < len(order) else prompts
                logits = self._continued(begun, [owners[r] for r in rows], [pieces[r] for r in rows])
            found |= {r: row[: len(chains[r])] for r, row in zip(rows, logits, strict=True)}
        return [found[r] for r in range(len(chains))]

    def _whole(self, problems: Sequence[Problem], chains: Sequence[Chain]) -> Tensor:
        """Logits (R, S) of chains, each with its prompt."""
        examples = [StepExample(p, [*chain], [0.0] * len(chain)) for p, chain in zip(problems, chains, strict=True)]
        batch = model_inputs(collate_steps(self.prm.encoder, examples))
        return cast(Tensor, self.prm(**{name: value.to(self.prm.device) for name, value in batch.items()}))

    def _continued(
        self, prompts: EncodedPrompts, owners: Sequence[int], pieces: Sequence[tuple[list[int], list[int]]]
    ) -> Tensor:
        """Logits (R, S) of chains, as token ids and ends of steps, that follow the prompts `owners`."""
        device = self.prm.device
        prompts.rows(torch.tensor(owners, device=device))  # P rows to R
        ids = pad_sequence([torch.tensor(ids) for ids, _ in pieces], batch_first=True).to(device)
        ends = pad_sequence([torch.tensor(ends) for _, ends in pieces], batch_first=True).to(device)
        return cast(Tensor, self.prm(ends, **prompts.continued(ids)))


def model_inputs(batch: Batch) -> dict[str, Tensor]:
    """What of a batch of labelled chains goes through the model."""
    return {name: value for name, value in batch.items() if name not in ("labels", "draws", "targets")}
