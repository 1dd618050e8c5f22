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
# Beyond what float32 rounds to, ours: in the distribution function, and between the two highest logits.
_MARGIN, _GAP = 1e-5, 1e-4


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

    def __call__(self, logits: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (R, T) from logits (R, T, V) and numbers in [0, 1), float64 (R, T), and whether each is sure (R, T).

        Another order of the same sums would draw the same token where it is sure. Where it is not, the number lies so
        near to a neighbour's that rounding decides.
        """
        size = max(1, _AT_ONCE // logits.shape[-1])
        rows = zip(torch.split(logits.flatten(0, 1), size), torch.split(uniforms.flatten(), size), strict=True)
        tokens, sure = zip(*(self._drawn(part, u) for part, u in rows), strict=True)
        return torch.cat(tokens).view(logits.shape[:2]), torch.cat(sure).view(logits.shape[:2])

    def _drawn(self, logits: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        scores = logits.float()
        if len(self.forbidden):
            scores = scores.index_fill(1, self.forbidden.to(scores.device), -torch.inf)
        if self.temperature == 0:
            (first, second), tokens = (found.T for found in scores.topk(2))
            return tokens[0], first - second > _GAP
        scores, sure = self._nucleus(scores / self.temperature)
        cumulative = scores.double().softmax(-1).cumsum(-1)  # (rows, V)
        u = u[:, None].to(scores.device)
        u = u * cumulative[:, -1:]
        token = torch.searchsorted(cumulative, u, right=True)  # never one of probability 0
        above = cumulative.gather(1, token) - u
        below = u - torch.where(token > 0, cumulative.gather(1, (token - 1).clamp(min=0)), -1.0)
        return token[:, 0], sure & (torch.minimum(above, below) > _MARGIN)[:, 0]

    def _nucleus(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (rows, V) without what is outside the nucleus, and whether its border is beyond rounding (rows,)."""
        if self.nucleus is None:
            return scores, torch.ones(len(scores), dtype=torch.bool, device=scores.device)
        kept = self.nucleus(None, scores)  # type: ignore[arg-type]
        probabilities = scores.softmax(-1).where(kept > -torch.inf, torch.nan)
        mass, least = probabilities.nansum(-1), probabilities.nan_to_num(torch.inf).amin(-1)
        # The last one that is in would be out if the others had enough without it, or the next one in.
        return kept, torch.minimum(mass - self.nucleus.top_p, self.nucleus.top_p - (mass - least)) > _MARGIN
