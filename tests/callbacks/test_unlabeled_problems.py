"""Unlabeled problems: when they come, what they are taken to answer, and that nobody sees the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback

from lit_mstar import Iteration, Problem, Response, Rollout
from lit_mstar.callbacks import PRMFilter, UnlabeledProblems
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.interval import share_of
from lit_mstar.rewards.selection import AboveThreshold, TopK
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, make_evolver, make_policy, make_prm, sums
from support.unlabeled import Keeping, says, source


def ready(tmp_path: Path, given: ListSource, epochs: int = 8, **options: Any) -> UnlabeledProblems:
    """The callback at the start of a fit."""
    trainer, callback = make_evolver(tmp_path, max_epochs=epochs), UnlabeledProblems(**options)
    trainer.datamodule = SelfEvolvingDataModule(given)
    callback.setup(trainer, make_policy(), "fit")
    return callback


@pytest.mark.parametrize(("mix_in", "start"), [(0.0, 0), (0.25, 2), (0.5, 4), (0.75, 6), (0.6, 5)])
def test_they_come_from_a_share_of_training_on(evolution: Any, mix_in: float, start: int) -> None:
    callback = UnlabeledProblems(mix_in, "majority", interval=0.25)
    evolution(says(1, 1, 1, 1), [callback], source=source(), max_epochs=8)
    hidden = [{i for i in ids if i.startswith("u")} for ids, _ in evolution.sampler.calls]
    shares = [{p.id for p in share_of(sums(8, "u"), 0.25, turn)} for turn in range(8 - start)]
    assert hidden == [set()] * start + shares
    assert [{*ids} - own for (ids, _), own in zip(evolution.sampler.calls, hidden, strict=True)] == [
        {p.id for p in share_of(sums(8), 0.5, index)} for index in range(8)
    ]
    assert [evolution.metrics(index)["unlabeled"] for index in range(8)] == [0] * start + [2] * (8 - start)


def test_without_an_interval_of_their_own_they_have_the_training_problems(evolution: Any) -> None:
    evolution(says(1, 1, 1, 1), [UnlabeledProblems(answers="majority")], source=source(), interval=0.5)
    assert [(len(ids), sum(i.startswith("u") for i in ids)) for ids, _ in evolution.sampler.calls] == [(8, 4)]


def test_a_share_of_training_is_counted_exactly(tmp_path: Path) -> None:
    assert 0.07 * 100 > 7
    assert ready(tmp_path, source(), 100, mix_in=0.07)._start == 7


@pytest.mark.parametrize("start", [0, 1, 2, 3, 4])
def test_every_pass_covers_them_all_wherever_it_begins(tmp_path: Path, start: int) -> None:
    callback = ready(tmp_path, source(), mix_in=start / 8, answers="majority", interval=0.25)
    seen = []
    for index in range(start, start + 4):
        iteration = Iteration(index=index, problems=sums(1), sampling=SamplingParams())
        callback.on_sampling_start(make_evolver(tmp_path), make_policy(), iteration)
        seen += [problem.id for problem in iteration.problems[1:]]
    assert sorted(seen) == [f"u{i}" for i in range(8)]


MEANS = {None: None, "7": "seven", "7.0": "seven", "8": "eight", "cat": "cat"}
said = st.tuples(st.sampled_from(list(MEANS)), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from("abcd"))


def brute_force(rows: list[Any], how: str, least: float, keep: int) -> tuple[str | None, list[int]]:
    """The wording that wins, and the best `keep` with its meaning, of each text the first."""
    votes: dict[str, float] = {}
    for answer, score, _ in rows:
        if answer is not None:
            votes[MEANS[answer]] = votes.get(MEANS[answer], 0) + (score if how == "weighted" else 1)
    total = sum(score for _, score, _ in rows) if how == "weighted" else len(rows)
    if not votes or max(votes.values()) == 0 or max(votes.values()) / total < least:
        return None, []
    winner = next(answer for answer, *_ in rows if answer and votes[MEANS[answer]] == max(votes.values()))
    agreeing = [i for i, (answer, *_) in enumerate(rows) if MEANS[answer] == MEANS[winner]]
    first = [i for i in agreeing if rows[i][2] not in [rows[j][2] for j in agreeing if j < i]]
    return winner, sorted(sorted(first, key=lambda i: (-rows[i][1], i))[:keep])


@given(
    drawn=st.lists(st.lists(said, min_size=1, max_size=7), min_size=1, max_size=4),
    how=st.sampled_from(["majority", "weighted"]),
    least=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    truths=st.lists(st.sampled_from([None, "7", "8"]), min_size=4, max_size=4),
)
def test_pseudo_answers_and_choices_are_those_of_brute_force(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Any], how: Any, least: float, truths: list[str | None]
) -> None:
    hidden = [Problem(id=f"u{i}", question="?", answer=truth) for i, truth in enumerate(truths)]
    folder = tmp_path_factory.getbasetemp()
    callback = ready(folder, source(hidden), answers=how, min_share=least)
    rollouts = [
        Rollout(
            problem=replace(problem, answer=None),
            responses=[Response(text=text, answer=answer, score=score) for answer, score, text in rows],
        )
        for problem, rows in zip(hidden, drawn, strict=False)
    ]
    problems = [rollout.problem for rollout in rollouts]
    iteration = Iteration(index=0, problems=problems, sampling=SamplingParams(), rollouts=rollouts)
    callback.on_rollouts_sampled(make_evolver(folder), make_policy(), iteration)

    wanted = [brute_force(rows, how, least, keep=2) for rows in drawn]
    assert [rollout.selected for rollout in rollouts] == [selected for _, selected in wanted]
    assert all(response.correct is None for rollout in rollouts for response in rollout.responses)
    found = [(MEANS[answer], truth) for (answer, _), truth in zip(wanted, truths, strict=False) if answer]
    judged = [meaning == MEANS[truth] for meaning, truth in found if truth]
    expected = {
        "pseudo_answered": len(found),
        "pseudo_dropped": len(drawn) - len(found),
        "pseudo_kept": sum(len(selected) for _, selected in wanted),
    }
    assert iteration.metrics == expected | ({"pseudo_right": sum(judged) / len(judged)} if judged else {})


def test_the_share_of_right_pseudo_answers(evolution: Any) -> None:
    keeping = Keeping()
    evolution(says(4, 4, 6, "none"), [UnlabeledProblems(answers="majority"), keeping], source=source(), interval=1.0)
    assert evolution.metrics(0) == {
        "unlabeled": 8,
        "pseudo_answered": 8,
        "pseudo_dropped": 0,
        "pseudo_kept": 16,
        "pseudo_right": 1 / 8,  # only 2 + 2 is 4
    }
    assert [rollout.selected for rollout in keeping.rollouts[0]] == [[0, 1]] * 8  # without scores, all that agree


def test_votes_weigh_what_a_scorer_says_and_the_best_two_are_kept(evolution: Any) -> None:
    scores = {"Take 0": 0.2, "Take 1": 0.2, "Take 2": 0.1, "Take 3": 0.3, "Take 4": 0.4}
    scoring = evolution.scoring(
        lambda problem, response: next(s for name, s in scores.items() if name in response.text)
    )
    rule = says(4, 4, 6, 6, 6)
    chosen = {}
    for how, n in (("weighted", 4), ("majority", 5)):
        evolution.__init__(evolution.folder / how)
        keeping = Keeping()
        evolution(rule, [scoring, UnlabeledProblems(answers=how), keeping], source=source(), n=n)
        chosen[how] = [rollout.selected for rollout in keeping.rollouts[0]]
    assert chosen == {"weighted": [[0, 1]] * 4, "majority": [[3, 4]] * 4}  # 0.4 to 0.4, the first; 2 to 3


def test_a_least_share_leaves_out_what_is_doubtful(evolution: Any) -> None:
    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        agreed = int(problem.id[1:]) % 4 if problem.id.startswith("u") else 3
        return f"Step 1: Take {index}.\nAnswer: {'yes' if index <= agreed else index}"

    given = ListSource(train=[replace(p, answer="yes") for p in sums(8)], unlabeled=source().splits["unlabeled"])
    keeping = Keeping()
    callback = UnlabeledProblems(answers="majority", min_share=0.75)
    evolution(rule, [callback, keeping], source=given, interval=1.0)
    kept = {rollout.problem.id: len(rollout.selected) for rollout in keeping.rollouts[0]}
    assert kept == {"u0": 0, "u1": 0, "u2": 3, "u3": 4, "u4": 0, "u5": 0, "u6": 3, "u7": 4}
    metrics = evolution.metrics(0)
    assert (metrics["pseudo_answered"], metrics["pseudo_dropped"], metrics["pseudo_kept"]) == (4, 4, 14)


def test_votes_that_weigh_nothing_elect_nobody(evolution: Any) -> None:
    callbacks = [evolution.scoring(lambda *_: 0.0), UnlabeledProblems()]
    evolution(says(4, 4, 4, 4), callbacks, source=source(), interval=1.0)
    metrics = evolution.metrics(0)
    assert (metrics["pseudo_answered"], metrics["pseudo_dropped"], metrics["pseudo_kept"]) == (0, 8, 0)


def test_any_selection_will_do_and_choices_count_as_answers(evolution: Any) -> None:
    hidden = [Problem(id="u0", question="Which?", choices=("a cat", "a dog"), answer="a dog")]
    scoring, keeping = evolution.scoring(lambda *_: 0.5), Keeping()
    callback = UnlabeledProblems(selection=TopK(1))
    evolution(says("a dog", "(B)", "A", "B"), [scoring, callback, keeping], source=source(hidden), interval=1.0)
    assert [rollout.selected for rollout in keeping.rollouts[0]] == [[0]]
    assert (evolution.metrics(0)["pseudo_right"], evolution.metrics(0)["pseudo_kept"]) == (1.0, 1)
    assert UnlabeledProblems(selection=AboveThreshold(0.5)).selection.threshold == 0.5


class Learned(Callback):
    """Notes the responses that are trained on."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        segments = batch.get("segments", (batch["labels"] >= 0).long())  # responses to a problem share a row
        for labels, of in zip(batch["labels"], segments, strict=True):
            responses = (labels[of == number] for number in range(1, int(of.max()) + 1))
            self.texts += [pl_module.encoder.decode(response.tolist()) for response in responses]


def test_what_agrees_is_learned_and_the_truth_never_seen(evolution: Any) -> None:
    asked: list[Problem] = []

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        asked.append(problem)
        answer = problem.answer if problem.id.startswith("p") else f"{problem.id} says {index // 3}"
        return f"Step {index}\nAnswer: {answer}"

    learned, keeping = Learned(), Keeping()
    callbacks = [UnlabeledProblems(answers="majority"), learned, keeping]
    evolution(rule, callbacks, source=source(), max_epochs=2)
    hidden = [problem for problem in asked if problem.id.startswith("u")]
    assert {problem.id for problem in hidden} == {f"u{i}" for i in range(8)}
    assert {(problem.answer, problem.reasoning) for problem in hidden} == {(None, None)}
    for rollout in (r for rollouts in keeping.rollouts for r in rollouts):
        assert [response.correct for response in rollout.responses] == [None] * 4
        assert rollout.problem.answer is None
        assert rollout.selected == [0, 1, 2]
    wanted = [f"Step {i}\nAnswer: u{k} says 0" for k in range(8) for i in range(3)]
    assert sorted(text for text in learned.texts if " says " in text) == sorted(wanted)


def test_the_oracle_makes_them_problems_like_any_others(evolution: Any) -> None:
    keeping = Keeping()
    evolution(says(4, 4, 4, 6), [UnlabeledProblems(answers="oracle"), keeping], source=source(), interval=1.0)
    chosen = {rollout.problem.id: rollout.selected for rollout in keeping.rollouts[0]}
    assert chosen == {f"u{i}": {2: [0, 1, 2], 3: [3]}.get(i, []) for i in range(8)}
    assert {r.correct for rollout in keeping.rollouts[0] for r in rollout.responses} == {True, False}
    assert evolution.metrics(0) == {"unlabeled": 8}


def test_what_is_sampled_to_measure_is_left_alone(tmp_path: Path) -> None:
    callback = ready(tmp_path, source(), answers="majority")
    rollout = Rollout(problem=replace(sums(1, "u")[0], answer=None), responses=[Response(text="", answer="4")])
    measured = {"index": 0, "problems": [rollout.problem], "sampling": SamplingParams(), "rollouts": [rollout]}
    iteration = Iteration(split="validate", **measured)
    callback.on_rollouts_sampled(make_evolver(tmp_path), make_policy(), iteration)
    assert (rollout.selected, iteration.metrics) == ([], {})


def test_below_the_filter_it_keeps_what_the_prm_likes_best(evolution: Any, tmp_path: Path) -> None:
    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        answer = problem.answer or (5 if index < 5 else 6)
        return f"Step 1: {'abcdefgh'[(index * 3 + len(problem.question)) % 8] * (1 + index)}\nAnswer: {answer}"

    keeping = Keeping()
    callbacks = [PRMFilter(make_prm(tmp_path / "prm")), UnlabeledProblems(), keeping]
    evolution(rule, callbacks, source=source(), n=6, interval=1.0)
    assert len({x.score for rollout in keeping.rollouts[0] for x in rollout.responses}) > 10
    for rollout in keeping.rollouts[0]:
        scores = [response.score for response in rollout.responses]
        agreeing = range(5) if sum(scores[:5]) >= scores[5] else [5]
        assert rollout.selected == sorted(sorted(agreeing, key=lambda i: -scores[i])[:2])


@pytest.mark.parametrize("mix_in", [0.0, 0.75])
def test_without_scores_a_weighted_vote_ends_in_the_first_iteration(evolution: Any, mix_in: float) -> None:
    with pytest.raises(ValueError, match=r"has score None.*Put PRMFilter above UnlabeledProblems, or .*majority"):
        evolution(says(1, 1, 1, 1), [UnlabeledProblems(mix_in)], source=source(), max_epochs=8)
    assert len(evolution.sampler.calls) == 1


@pytest.mark.parametrize(
    ("hidden", "options", "message"),
    [
        ([], {}, "ListSource has no 'unlabeled' problems"),
        (sums(1, "u") + sums(3), {}, "Problem 'p0' is in 'train' and in 'unlabeled'"),
        ([replace(p, answer=None) for p in sums(2, "u")], {"answers": "oracle"}, "'u0' has no answer; add it, or let"),
        (None, {"mix_in": 0.95}, r"mix_in is 0.95, and no iteration begins after .*max_epochs \(8\)"),
        (None, {"mix_in": 0.5, "epochs": -1}, r"no iteration begins after .*max_epochs \(-1\)"),
    ],
)
def test_what_cannot_be_is_said_before_any_model_is_loaded(
    evolution: Any, hidden: list[Problem] | None, options: dict[str, Any], message: str
) -> None:
    epochs = options.pop("epochs", 8)
    with pytest.raises(ValueError, match=message):
        evolution(says(1), [UnlabeledProblems(**options)], source=source(hidden), max_epochs=epochs)
    assert evolution.sampler.calls == []


@pytest.mark.parametrize(
    "options", [{"mix_in": 1.0}, {"mix_in": -0.1}, {"answers": "mean"}, {"min_share": 1.1}, {"interval": 0.0}]
)
def test_values_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"UnlabeledProblems.{name} is .*; it must be"):
        UnlabeledProblems(**options)


def test_other_stages_need_no_unlabeled_problems(tmp_path: Path) -> None:
    for stage in ("validate", "test", "predict"):
        UnlabeledProblems().setup(make_evolver(tmp_path), make_policy(), stage)
