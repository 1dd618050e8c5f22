"""From a reward model's logits to probabilities that can be taken at their word, fitted on validation steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lit_mstar.rewards.aggregation import Aggregation, aggregate

POSITIONS = 8  # steps with an offset of their own, ours; later ones share the last
_WAYS: tuple[Aggregation, ...] = get_args(Aggregation)


class Calibration(nn.Module):
    """Temperature scaling (Guo et al. 2017, arXiv:1706.04599) with an offset for each step's position (ours).

    The calibrated logit of step s is a · logit + b_s; a = 1 and b = 0 until it is fitted. Its state is saved with the
    weights: each checkpoint has its own.
    """

    scale: Tensor
    offsets: Tensor
    threshold: Tensor
    way: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("offsets", torch.zeros(POSITIONS))
        self.register_buffer("threshold", torch.full((1,), 0.5))
        self.register_buffer("way", torch.zeros(1))  # the place of the aggregation among all

    def forward(self, logits: Tensor) -> Tensor:
        """Calibrated logits (R, S) of steps in their order."""
        positions = torch.arange(logits.shape[-1], device=logits.device).clamp(max=POSITIONS - 1)
        return logits * self.scale.to(logits) + self.offsets.to(logits)[positions]

    @property
    def aggregation(self) -> Aggregation:
        """Which aggregation tells best which chains are right in all steps."""
        return _WAYS[int(self.way)]

    def fit(self, chains: Sequence[tuple[Sequence[float], Sequence[bool]]]) -> None:
        """Fits all of it on validation chains; where all steps are alike, it stays as it is.

        Args:
            chains: The logits of a chain's steps, and which of them are right.
        """
        from sklearn.linear_model import LogisticRegression  # here: most commands fit nothing, and it takes long
        from sklearn.metrics import roc_auc_score

        logits, targets, positions = _flat(chains)
        if len(set(targets.tolist())) < 2:
            return
        columns = np.zeros((len(logits), 1 + POSITIONS))
        columns[:, 0] = logits
        columns[np.arange(len(logits)), 1 + positions] = 1
        # C (ours): a slight penalty, so that an offset stays finite where all steps at a position are alike.
        fitted = LogisticRegression(C=100.0, fit_intercept=False, max_iter=1000).fit(columns, targets)
        scale, *offsets = fitted.coef_[0]
        if scale <= 0:  # scores that rank the wrong way round are not mended by turning them
            return
        self.scale.fill_(float(scale))
        self.offsets.copy_(torch.tensor(offsets))
        scores = [self(torch.tensor([row]))[0].double().sigmoid().tolist() for row, _ in chains]
        self.threshold.fill_(_best_threshold(np.concatenate(scores), targets))
        whole = [all(row) for _, row in chains]
        if len(set(whole)) == 2:
            worth = [roc_auc_score(whole, [aggregate(row, way) for row in scores]) for way in _WAYS]
            self.way.fill_(float(np.argmax(worth)))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """A checkpoint from before there was a calibration has none."""
        for name, value in self.state_dict().items():
            state_dict.setdefault(prefix + name, value)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _flat(
    chains: Sequence[tuple[Sequence[float], Sequence[bool]]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    logits = np.array([x for row, _ in chains for x in row], float)
    targets = np.array([x for _, row in chains for x in row], bool)
    positions = np.array([min(s, POSITIONS - 1) for row, _ in chains for s in range(len(row))], int)
    return logits, targets, positions


def _best_threshold(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float:
    """The threshold of highest macro-F1, between two scores."""
    order = np.argsort(scores)
    ranked, right = scores[order], targets[order]
    wrong_below = np.concatenate([[0], np.cumsum(~right)])  # by how many of the lowest scores are called wrong
    right_below = np.concatenate([[0], np.cumsum(right)])
    called_wrong = np.arange(len(scores) + 1)
    f1_right = 2 * (right.sum() - right_below) / np.maximum(right.sum() + len(scores) - called_wrong, 1)
    f1_wrong = 2 * wrong_below / np.maximum((~right).sum() + called_wrong, 1)
    edges = np.concatenate([[0.0], (ranked[1:] + ranked[:-1]) / 2, [1.0]])
    distinct = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])  # equal scores are called the same
    return float(edges[np.argmax(np.where(distinct, (f1_right + f1_wrong) / 2, -1.0))])
