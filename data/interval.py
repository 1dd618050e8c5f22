"""Which problems an iteration takes: the paper's interval, a share of the training problems per iteration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lit_mstar.rollouts.nouns import Problem


def share_of(problems: Sequence[Problem], interval: float, index: int) -> list[Problem]:
    """The problems of one iteration: each pass is shuffled and dealt into 1/interval shares."""
    shares = max(1, round(1 / interval))
    order = np.random.default_rng(index // shares).permutation(len(problems))
    return [problems[i] for i in np.array_split(order, shares)[index % shares]]
