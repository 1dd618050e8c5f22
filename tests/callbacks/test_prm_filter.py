"""The PRM's choice among correct responses, against scores taken by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import Iteration, PRMRefresh, Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.callbacks import PRMFilter
from lit_mstar.rewards.selection import AboveThreshold, TopK
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.scorers import StepScorer
from support.evolving import Keeping
from support.scripted import make_policy, make_trainer

BY_HAND = {
    "min": lambda scores: sorted(scores)[0],
    "product": lambda scores: math.exp(sum(math.log(score) for score in scores)),
    "mean": lambda scores: sum(scores) / len(scores),
    "last": lambda scores: scores[len(scores) - 1],
}


def chain(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Different chains of 1 to 3 steps, of which two thirds are right."""
    steps = "".join(f"Step {k}: {'abcdefgh'[(index * 3 + k * 5) % 8] * (k + index)}\n" for k in range(1, 2 + index % 3))
    return f"{steps}Answer: {'none' if index % 3 == 1 else problem.answer}"


@pytest.mark.parametrize("how", list(BY_HAND))
def test_keeps_the_two_correct_that_score_highest(evolution: Any, prm_folder: str, how: str) -> None:
    keeping = Keeping()
    evolution(chain, [PRMFilter(prm_folder, aggregation=how), keeping], n=9, max_epochs=2)
    prm = ProcessRewardModule.from_folder(prm_folder)
    rollouts = [rollout for iteration in keeping.iterations for rollout in iteration.rollouts]
    assert len(rollouts) == 8
    for rollout in rollouts:
        by_hand = []
        for index, response in enumerate(rollout.responses):
            alone = Rollout(problem=rollout.problem, responses=[Response(text="", steps=response.steps)])
            ((steps,),) = prm.score([alone])
            assert response.step_scores == pytest.approx(steps, abs=1e-5)
            assert response.score == pytest.approx(BY_HAND[how](steps), abs=1e-5)
            by_hand += [(BY_HAND[how](steps), index)] if index % 3 != 1 else []
        assert rollout.selected == sorted(index for _, index in sorted(by_hand)[-2:])
    assert len({response.score for rollout in rollouts for response in rollout.responses}) > 20


def test_aggregations_choose_differently(evolution: Any, prm_folder: str) -> None:
    keeping = Keeping()
    evolution(chain, [PRMFilter(prm_folder), keeping], n=9)
    for rollout in keeping.iterations[0].rollouts:
        by_min, by_mean = ([BY_HAND[how](r.step_scores) for r in rollout.responses] for how in ("min", "mean"))
        assert any(a < b for a, b in zip(by_min, by_mean, strict=True))


def test_any_selection_will_do(evolution: Any, prm_folder: str) -> None:
    keeping = Keeping()
    evolution(chain, [PRMFilter(prm_folder, selection=AboveThreshold(0.0)), keeping], n=6)
    assert [rollout.selected for rollout in keeping.iterations[0].rollouts] == [[0, 2, 3, 5]] * 4


def test_scores_and_choice_are_in_the_ledger(evolution: Any, prm_folder: str) -> None:
    keeping = Keeping()
    evolution(chain, [PRMFilter(prm_folder, selection=TopK(1)), keeping], n=6)
    (iteration,) = keeping.iterations
    assert list(evolution.ledger.read(iteration)) == list(iteration.rollouts)
    assert [len(rollout.selected) for rollout in iteration.rollouts] == [1] * 4


def test_the_prm_is_no_part_of_the_policy(evolution: Any, prm_folder: str, tmp_path: Path) -> None:
    callback = PRMFilter(prm_folder)
    keeper = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_last=True)
    evolution(chain, [callback, keeper], n=6, enable_checkpointing=True)
    saved = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    names = make_policy().state_dict().keys()
    assert evolution.policy.state_dict().keys() == saved["state_dict"].keys() == names
    assert all(module is not callback._prm for module in evolution.policy.modules())
    optimized = {id(p) for group in evolution.trainer.optimizers[0].param_groups for p in group["params"]}
    assert optimized.isdisjoint(id(p) for p in callback._prm.parameters())


class Watching(ProcessRewardModule):
    """Notes every device that it is moved to; the moves themselves aren't made."""

    def to(self, device: Any) -> Watching:
        self.moves.append(("to", str(device)))
        return self

    def score(self, rollouts: Any) -> Any:
        self.moves.append(("score", ""))
        return super().score(rollouts)


def test_the_prm_is_on_the_device_only_while_it_scores(prm_folder: str, tmp_path: Path) -> None:
    callback = PRMFilter(prm_folder)
    callback.setup(make_trainer(tmp_path), make_policy(), "fit")
    assert {p.device.type for p in callback._prm.parameters()} == {"cpu"}
    callback._prm.__class__, callback._prm.moves = Watching, []
    elsewhere = type("Elsewhere", (), {"device": torch.device("meta")})()
    blank = Rollout(problem=Problem(id="p", question="?"), responses=[Response(text="")])  # no step: no forward pass
    iteration = Iteration(index=0, problems=[blank.problem], sampling=SamplingParams(), rollouts=[blank])
    callback.on_rollouts_sampled(None, elsewhere, iteration)
    assert callback._prm.moves == [("to", "meta"), ("score", ""), ("to", "cpu")]


def test_the_prm_does_not_learn(evolution: Any, prm_folder: str) -> None:
    callback = PRMFilter(prm_folder)
    evolution(chain, [callback], n=6, max_epochs=2)
    fresh = ProcessRewardModule.from_folder(prm_folder).state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in callback._prm.state_dict().items())


def test_blank_responses_score_nothing(evolution: Any, prm_folder: str) -> None:
    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return chain(problem, 0, sampling) if index == 3 else "  \n"[: index % 3]

    keeping = Keeping()
    evolution(rule, [PRMFilter(prm_folder), keeping], n=4)
    for rollout in keeping.iterations[0].rollouts:
        assert [response.score for response in rollout.responses[:3]] == [0.0] * 3
        assert rollout.responses[3].score > 0
        assert rollout.selected == [3]


def test_a_folder_without_a_prm_is_refused_before_the_policy_loads(evolution: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs/demo/3-prm/model"
    with pytest.raises(ValueError, match=r"no prm_head.safetensors.*lit-mstar fit --config configs/demo/3-prm.yaml"):
        evolution(chain, [PRMFilter(str(folder))])
    assert evolution.sampler.calls == []


def test_test_and_predict_need_no_prm(tmp_path: Path) -> None:
    callback = PRMFilter(str(tmp_path / "nowhere"))
    for stage in ("validate", "test", "predict"):
        callback.setup(make_trainer(tmp_path), make_policy(), stage)
    assert callback._prm is None


def test_as_many_responses_are_scored_at_a_time_as_asked_for(evolution: Any, prm_folder: str) -> None:
    with pytest.raises(ValueError, match=r"PRMFilter\.batch_size is 0"):
        PRMFilter(prm_folder, batch_size=0)
    rows: list[int] = []
    scorer, keeping = PRMFilter(prm_folder, batch_size=4), Keeping()  # fewer than a problem has
    scorer._loaded().head.register_forward_pre_hook(lambda head, inputs: rows.append(inputs[0].shape[0]))
    evolution(chain, [scorer, keeping], n=9)
    assert max(rows) == 4
    rollouts = keeping.iterations[0].rollouts
    whole = ProcessRewardModule.from_folder(prm_folder).score(rollouts)
    for rollout, expected in zip(rollouts, whole, strict=True):
        for response, steps in zip(rollout.responses, expected, strict=True):
            assert response.step_scores == pytest.approx(steps, abs=1e-5)


class Shortest(StepScorer):
    """Likes short steps; notes what is asked of it."""

    aggregation = "mean"

    def __init__(self) -> None:
        self.notes: list[str] = []

    def check(self) -> None:
        self.notes.append("check")

    def place(self, device: torch.device) -> None:
        self.notes.append("place")

    def rest(self) -> None:
        self.notes.append("rest")

    def close(self) -> None:
        self.notes.append("close")

    def score(self, rollouts: Any) -> Any:
        assert all(rollout.problem.answer is None for rollout in rollouts)
        return [[[1 / len(step) for step in r.steps] for r in rollout.responses] for rollout in rollouts]


def test_any_scorer_will_do(evolution: Any) -> None:
    scorer, keeping = Shortest(), Keeping()
    evolution(chain, [PRMFilter(scorer, selection=TopK(1)), keeping], n=6)
    for rollout in keeping.iterations[0].rollouts:
        means = [sum(1 / len(step) for step in r.steps) / len(r.steps) for r in rollout.responses]
        assert [r.score for r in rollout.responses] == pytest.approx(means)  # by the scorer's own aggregation
        right = [i for i, r in enumerate(rollout.responses) if r.correct]
        assert rollout.selected == [max(right, key=lambda i: means[i])]
    assert scorer.notes == ["check", "place", "rest", "close"]


def test_a_scorer_that_fails_leaves_what_was_sampled(evolution: Any) -> None:
    class Broken(Shortest):
        def score(self, rollouts: Any) -> Any:
            raise ConnectionError("the server is away")

    with pytest.raises(ConnectionError):
        evolution(chain, [PRMFilter(Broken())], n=6)
    assert len(evolution.sampler.finished) == 4
    evolution(chain, [PRMFilter(Shortest())], n=6)
    assert not any(problem.startswith("p") for problem in evolution.sampler.finished)  # the ledger has all of it


@pytest.mark.parametrize(("scores", "why"), [(0, "0 scores for"), (9, "9 scores for")])
def test_scores_that_fit_no_step_are_told(evolution: Any, scores: int, why: str) -> None:
    class Miscounting(Shortest):
        def score(self, rollouts: Any) -> Any:
            return [[[0.5] * scores for _ in rollout.responses] for rollout in rollouts]

    with pytest.raises(ValueError, match=f"Miscounting, problem 'p\\d', response 0: {why}"):
        evolution(chain, [PRMFilter(Miscounting())], n=6)


def test_only_our_own_is_refreshed(evolution: Any) -> None:
    with pytest.raises(ValueError, match="refresh trains a ProcessRewardModule, and prm is a Shortest"):
        evolution(chain, [PRMFilter(Shortest(), refresh=PRMRefresh())], n=6)
