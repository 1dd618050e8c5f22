"""The meter of a reward model that is trained on, by hand, and a refresh that is undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from lit_mstar import Problem, ProcessRewardModule
from lit_mstar.callbacks import PRMFilter
from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.scorers import StepScorer
from lit_mstar.step_labels.honesty import disagreement, honesty
from support.evolving import Keeping
from support.refreshing import make_refresh, run
from support.scripted import largest_difference, weights


def example(problem: str, truth: list[bool]) -> StepExample:
    steps = [f"Step {k}" for k in range(len(truth))]
    return StepExample(Problem(id=problem, question="?"), steps, [0.5] * len(truth), truth=truth)


EXAMPLES = [
    example("p", [True, True]),
    example("p", [True, False]),  # right by accident
    example("q", [True]),
    example("q", [False]),
    example("r", [True]),  # nothing to choose from
    example("s", [False]),
    example("s", [True]),
]
RIGHT = [True, True, True, True, True, True, False]
SCORES = [[0.9, 0.4], [0.8, 0.6], [0.9], [0.1], [0.2], [0.7], [0.1]]


def test_figures_by_hand():
    found = honesty(EXAMPLES, RIGHT, SCORES, "min")
    truth = [x for one in EXAMPLES for x in one.targets()]
    scores = [x for row in SCORES for x in row]
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, scores))
    assert found["by_accident"] == 1 / 2  # p's accident has the higher minimum, q's has not; s has one right answer
    assert honesty(EXAMPLES, RIGHT, SCORES, "product")["by_accident"] == 1 / 2
    assert honesty(EXAMPLES, RIGHT, [[1.0 if x else 0.0 for x in one.targets()] for one in EXAMPLES], "min") == {
        "auroc": 1.0,
        "ece": 0.0,
        "by_accident": 0.0,
    }


def test_what_cannot_be_told_is_left_out():
    assert honesty(EXAMPLES[:1], RIGHT[:1], SCORES[:1], "min") == {}
    assert honesty([], [], [], "min") == {}


def test_disagreement_is_half_of_what_correlation_lacks():
    one, other = [[0.1], [0.5], [0.3], [0.9]], [[0.2, 0.1], [0.4, 0.3], [0.9, 0.8], [1.0, 0.2]]
    expected = spearmanr([0.1, 0.5, 0.3, 0.9], [0.1, 0.3, 0.8, 0.2]).statistic
    assert disagreement(one, other, ("min", "min")) == pytest.approx((1 - expected) / 2)
    assert disagreement(one, one, ("min", "min")) == 0
    assert disagreement(one, [[-x for x in row] for row in one], ("last", "last")) == 1
    assert disagreement(one, [[0.5]] * 4, ("min", "min")) == 0.5


class Opinion(StepScorer):
    """Agrees with whatever PRM it is given, or with its opposite."""

    def __init__(self, folder: str, sign: float) -> None:
        self.prm = ProcessRewardModule.from_folder(folder)
        self.sign = sign

    def score(self, rollouts: Any) -> Any:
        scores = self.prm.score(rollouts)
        return [[[0.5 + self.sign * (x - 0.5) for x in row] for row in of_rollout] for of_rollout in scores]


class Unsure(Opinion):
    """Cannot be read at times, and notes when it is ended."""

    closed = False

    def said(self) -> str:
        return "3 verdicts could not be read."

    def close(self) -> None:
        self.closed = True


def test_an_outside_that_is_not_there_is_known_before_anything_is_sampled(tmp_path: Path, prm_folder: str):
    keeping = Keeping()
    with pytest.raises(ValueError, match=r"away\.yaml"):
        run(tmp_path, [PRMFilter(prm_folder, refresh=make_refresh(outside="away.yaml")), keeping], max_epochs=1)
    assert keeping.iterations == []


def test_what_the_outside_could_not_read_is_said_and_it_is_ended(tmp_path: Path, prm_folder: str):
    outside = Unsure(prm_folder, 1.0)
    with pytest.warns(UserWarning, match="3 verdicts could not be read"):
        run(tmp_path, [PRMFilter(prm_folder, refresh=make_refresh(outside=outside))], max_epochs=1)
    assert outside.closed


@pytest.mark.parametrize(("sign", "undone"), [(1.0, True), (-1.0, False)])
def test_a_refresh_that_moves_away_from_the_outside_is_undone(
    tmp_path: Path, prm_folder: str, sign: float, undone: bool
):
    """An outside that agrees with the PRM as it was can only agree less afterwards; one that disagrees, only more."""
    keeping = Keeping()
    refresh = make_refresh(outside=Opinion(prm_folder, sign), optimizer=lambda w: torch.optim.SGD(w, lr=3.0))
    callback = PRMFilter(prm_folder, refresh=refresh)
    run(tmp_path, [callback, keeping], max_epochs=1)
    metrics = keeping.iterations[0].metrics
    assert metrics["prm/disagreement"] < 1e-6 if sign > 0 else metrics["prm/disagreement"] > 0.6
    assert metrics["prm/rolled_back"] == float(undone)
    assert (metrics["prm/disagreement_after"] > metrics["prm/disagreement"]) is undone
    moved = largest_difference(weights(callback._prm), weights(ProcessRewardModule.from_folder(prm_folder)))
    assert (moved == 0) is undone
    assert {
        "prm/refresh_auroc",
        "prm/refresh_ece",
        "prm/refresh_auroc_after",
        "prm/refresh_ece_after",
    } <= metrics.keys()
