"""Probabilities that can be taken at their word, against brute force and what they were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from lit_mstar.modules.calibration import POSITIONS, Calibration, _best_threshold
from lit_mstar.rewards.aggregation import aggregate

Chain = tuple[list[float], list[bool]]


def drawn(scale: float, offsets: list[float], chains: int = 3000) -> list[Chain]:
    """Chains of three steps whose truth has the odds of scale · logit + offset."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (chains, 3))
    odds = scale * logits + np.array(offsets)
    truth = rng.random((chains, 3)) < 1 / (1 + np.exp(-odds))
    return [(row.tolist(), right.tolist()) for row, right in zip(logits, truth, strict=True)]


def test_it_is_the_identity_until_it_is_fitted():
    logits = torch.randn(4, 11)
    assert torch.equal(Calibration()(logits), logits)


def test_it_finds_what_the_truth_was_drawn_from():
    calibration = Calibration()
    calibration.fit(drawn(0.4, [1.0, 0.0, -1.5]))
    assert float(calibration.scale) == pytest.approx(0.4, abs=0.05)
    assert calibration.offsets[:3].tolist() == pytest.approx([1.0, 0.0, -1.5], abs=0.15)
    assert not calibration.offsets[3:].any()


def test_it_lessens_the_loss_on_others():
    chains = drawn(0.3, [1.0, -1.0, 0.0], 4000)
    calibration = Calibration()
    calibration.fit(chains[:2000])
    held = chains[2000:]
    truth = [x for _, row in held for x in row]
    before = torch.tensor([row for row, _ in held])
    assert log_loss(truth, calibration(before).sigmoid().flatten().tolist()) < log_loss(
        truth, before.sigmoid().flatten().tolist()
    )


def test_later_positions_share_the_last_offset():
    rng = np.random.default_rng(1)
    shares = np.linspace(0.1, 0.9, POSITIONS + 4)
    truth = rng.random((200, POSITIONS + 4)) < shares
    long = [((row + rng.normal(size=row.size)).tolist(), row.tolist()) for row in truth]
    calibration = Calibration()
    calibration.fit(long)
    shift = calibration(torch.zeros(1, POSITIONS + 4))[0]
    assert shift[POSITIONS - 1 :].unique().numel() == 1
    assert shift[:POSITIONS].unique().numel() == POSITIONS


@pytest.mark.parametrize(
    "chains", [[], [([0.1, 0.2], [True, True])], [([1.0], [False]), ([-1.0], [True]), ([2.0], [False])]]
)
def test_what_cannot_be_fitted_stays(chains: list[Chain]):
    calibration = Calibration()
    calibration.fit(chains)
    assert (float(calibration.scale), calibration.offsets.abs().sum()) == (1.0, 0.0)


def test_the_aggregation_tells_best_which_chains_are_right():
    chains = drawn(2.0, [0.0, 0.0, 0.0], 1000)
    calibration = Calibration()
    calibration.fit(chains)
    whole = [all(row) for _, row in chains]
    scores = [calibration(torch.tensor([row]))[0].double().sigmoid().tolist() for row, _ in chains]
    worth = {
        way: roc_auc_score(whole, [aggregate(row, way) for row in scores]) for way in ("min", "product", "mean", "last")
    }
    assert worth[calibration.aggregation] == max(worth.values())
    assert calibration.aggregation in ("min", "product")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=12))
def test_the_threshold_is_the_best_of_all(pairs: list[tuple[int, bool]]):
    scores, truth = np.array([s / 7 for s, _ in pairs]), np.array([x for _, x in pairs])

    def worth(threshold: float) -> float:
        return f1_score(truth, scores >= threshold, average="macro", labels=[False, True], zero_division=0.0)

    best = max(worth(threshold) for threshold in [k / 14 for k in range(-1, 16)])
    assert worth(_best_threshold(scores, truth)) == pytest.approx(best)


def test_it_is_saved_with_the_weights_and_older_weights_have_none():
    calibration = Calibration()
    calibration.fit(drawn(0.5, [1, 2, 3], 300))
    again = Calibration()
    again.load_state_dict(calibration.state_dict())
    logits = torch.randn(2, 3)
    assert torch.equal(again(logits), calibration(logits))
    fresh = Calibration()
    fresh.load_state_dict({})
    assert torch.equal(fresh(logits), logits)
