"""Reasoning steps to tensors: where each step ends, and what is known about it.

Notation: R responses, T tokens, S steps (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lit_mstar.encoding.encoder import IGNORE, Batch, Encoder
from lit_mstar.rollouts.nouns import Problem


@dataclass(frozen=True)
class StepExample:
    """A chain of steps with their labels.

    Args:
        problem: What the chain answers.
        steps: The reasoning steps.
        labels: One per step: the share of completions from there that reached the right answer, in [0, 1].
        truth: One per step: whether it is true of the images; None where nobody can tell.
        draws: One per step: of how many completions its label is the share, 0 where it follows from another step's;
            None where nobody counted.
    """

    problem: Problem
    steps: list[str]
    labels: list[float]
    truth: list[bool] | None = None
    draws: list[int] | None = None

    def targets(self) -> list[bool]:
        """What a score is judged by: the truth, or hard labels where it is unknown."""
        return [label > 0 for label in self.labels] if self.truth is None else self.truth


def step_ids(encoder: Encoder, steps: Sequence[str]) -> tuple[list[int], list[int]]:
    """The token ids of a chain, one step a line, and the position of each step's last token among them."""
    return chain_ids(encoder, [steps])[0]


def chain_ids(encoder: Encoder, chains: Sequence[Sequence[str]]) -> list[tuple[list[int], list[int]]]:
    """`step_ids` of many chains, which a tokenizer takes together in half the time."""
    lines = [[f"{step}\n" for step in steps] for steps in chains]
    ends = [list(accumulate(map(len, of_chain))) for of_chain in lines]
    found = encoder.ids_and_ends(["".join(of_chain) for of_chain in lines], ends)
    return [
        _by_step(encoder, of_chain) if whole is None else whole for of_chain, whole in zip(lines, found, strict=True)
    ]


def _by_step(encoder: Encoder, lines: Sequence[str]) -> tuple[list[int], list[int]]:
    pieces = [encoder.text_ids(line) for line in lines]
    return [token for piece in pieces for token in piece], [end - 1 for end in accumulate(map(len, pieces))]


def collate_steps(encoder: Encoder, examples: Sequence[StepExample]) -> Batch:
    """Problems with their steps to tensors.

    Returns:
        The model's inputs (R, T), `ends` (R, S) int64, `labels`, `draws` and `targets` (R, S) float32 with NaN as
        padding. A label that nobody counted, or that follows from another step's, is as good as one draw.
    """
    chains = chain_ids(encoder, [example.steps for example in examples])
    inputs = encoder.collate([example.problem for example in examples], [ids for ids, _ in chains])
    starts = (inputs.pop("labels") != IGNORE).int().argmax(1)  # (R,): where the chain begins
    ends = [torch.tensor(ends) + start for (_, ends), start in zip(chains, starts, strict=True)]
    return inputs | {
        "ends": pad_sequence(ends, batch_first=True),
        "labels": _pad_nan([example.labels for example in examples]),
        "draws": _pad_nan([[max(1, n) for n in e.draws or [1] * len(e.labels)] for e in examples]),
        "targets": _pad_nan([example.targets() for example in examples]),
    }


def _pad_nan(rows: Sequence[Sequence[float]]) -> Tensor:
    values = [torch.tensor(row, dtype=torch.float32) for row in rows]
    return pad_sequence(values, batch_first=True, padding_value=torch.nan)
