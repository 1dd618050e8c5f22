"""Does a model go on from an encoded prompt as it does from the whole text? Where it does not, nothing is shared.

What a model keeps of a prompt may be more than is known of here: a kind of state, a prompt that sees its own future. So
both ways are computed once, for two prompts without an image and two with one, and compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.probes import PROBES, other_than
from lit_mstar.rollouts.nouns import Problem

# Largest difference as a share of the values' spread, ours: rounding is far below, forgotten states far above.
_EXACT, _ROUNDED = 1e-3, 0.1


# What follows a shared prompt, and the same without sharing, of problems whose prompts are equally long: two tensors of
# one shape.
Compare = Callable[[Sequence[Problem]], tuple[Tensor, Tensor]]


def can_share(compare: Compare, encoder: Encoder, dtype: torch.dtype, what: str) -> bool:
    """Whether both ways compute the same; warns where they do not.

    Args:
        compare: Computes both.
        encoder: Tells which probes the model takes.
        dtype: Of the model's weights.
        what: Whose model it is, for the warning.
    """
    if why := why_not(compare, encoder, dtype):
        warnings.warn(
            f"The {what}'s model cannot go on from a prompt that is encoded once ({why}); prompt and images are "
            "encoded once for every response, which is right, but slower.",
            stacklevel=3,
        )
    return not why


def why_not(compare: Compare, encoder: Encoder, dtype: torch.dtype) -> str:
    """Why both ways do not compute the same; empty where they do."""
    limit = _EXACT if dtype == torch.float32 else _ROUNDED
    for probe in PROBES[:2]:
        pair = [probe, other_than(probe)]
        try:
            encoder.prompts(pair)
        except Exception:  # noqa: S112  # the model takes no such prompt; whoever gives it one is told so
            continue
        try:
            shared, whole = (value.detach().double() for value in compare(pair))
            difference = float((shared - whole).abs().max() / whole.std())
            why = "" if difference <= limit else f"values differ by {difference:.2g} of their spread"
        except Exception as error:  # whatever an architecture raises that cannot go on
            why = f"{type(error).__name__}: {error}"
        if why:
            return why
    return ""
