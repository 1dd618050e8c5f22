"""From logits to tokens: each response draws with random numbers of its own.

Notation: R rows, T positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import TopPLogitsWarper

from lit_mstar.rollouts.nouns import SamplingParams

_AT_ONCE = 2**24  # probabilities in float64 (128 MB), ours


class TokenDraw:
    """Draws from the softmax by inverting its distribution function; greedy at temperature 0.

    A response depends on its own random numbers alone: neither on its neighbours nor on the global random state.

    Args:
        sampling: Temperature and nucleus.
        forbidden: Ids that are never drawn.
    """

    def __init__(self, sampling: SamplingParams, forbidden: Sequence[int] = ()) -> None:
        self.temperature = sampling.temperature
        self.nucleus = TopPLogitsWarper(sampling.top_p) if sampling.top_p < 1 else None
        self.forbidden = torch.tensor(list(forbidden), dtype=torch.long)

    def __call__(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Tokens (R, T) from logits (R, T, V) and numbers in [0, 1), float64 (R, T)."""
        size = max(1, _AT_ONCE // logits.shape[-1])
        rows = zip(torch.split(logits.flatten(0, 1), size), torch.split(uniforms.flatten(), size), strict=True)
        return torch.cat([self._drawn(part, u) for part, u in rows]).view(logits.shape[:2])

    def _drawn(self, logits: Tensor, u: Tensor) -> Tensor:
        scores = logits.float()
        if len(self.forbidden):
            scores = scores.index_fill(1, self.forbidden.to(scores.device), -torch.inf)
        if self.temperature == 0:
            return scores.argmax(-1)
        scores = scores / self.temperature
        if self.nucleus:
            scores = self.nucleus(None, scores)  # type: ignore[arg-type]
        cumulative = scores.double().softmax(-1).cumsum(-1)  # (rows, V)
        u = u[:, None].to(scores.device)
        # never a token of probability 0
        return torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True)[:, 0]
