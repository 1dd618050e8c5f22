"""Rollouts counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rewards.rollout_metrics import rollout_metrics, tally
from support.scripted import sums


def nobody(problem: Problem, steps: Sequence[str]) -> None:
    return None


def by_word(problem: Problem, steps: Sequence[str]) -> list[bool] | None:
    return None if steps == ["?"] else [step == "true" for step in steps]


def of(chosen: list[int], *chains: list[str]) -> Rollout:
    responses = [Response(text=str(i), steps=steps, correct=True) for i, steps in enumerate(chains)]
    return Rollout(problem=sums(1)[0], responses=responses, selected=chosen)


@pytest.mark.parametrize(
    ("rollouts", "expected"),
    [
        (
            [of([0], ["true"], ["true", "false"]), of([0, 1], ["true", "true"], [])],
            {"faithful_correct": 1 / 2, "faithful_kept": 2 / 3},
        ),
        ([of([0], ["true"], ["?"])], {"faithful_kept": 1}),  # a chain that nobody can judge leaves its share unknown
        ([of([], ["true"], ["false"])], {"faithful_correct": 1 / 2}),
        ([of([1], ["true"], ["?"])], {}),
    ],
)
def test_shares_of_wholly_true_chains(rollouts: list[Rollout], expected: dict[str, float]) -> None:
    metrics = rollout_metrics([tally(iter(rollouts), by_word)])
    assert {name: value for name, value in metrics.items() if name.startswith("faithful")} == expected


def test_each_chain_is_judged_once() -> None:
    judged: list[str] = []

    def judge(problem: Problem, steps: Sequence[str]) -> list[bool]:
        judged.append(steps[0])
        return [True]

    tally([of([0, 2], ["a"], ["b"], ["c"])], judge)
    assert sorted(judged) == ["a", "b", "c"]


def test_no_known_response_has_no_share() -> None:
    rollouts = [Rollout(problem=sums(1)[0], responses=[Response(text="a")])]
    assert "share_correct" not in rollout_metrics([tally(rollouts, nobody)])


def test_metrics_of_hand_written_rollouts() -> None:
    rollouts = [
        Rollout(
            problem=sums(1)[0],
            responses=[
                Response(text="a", steps=["x", "y"], correct=True),
                Response(text="a", steps=["x", "y"], correct=True),
                Response(text="b", steps=[], correct=None),
            ],
            selected=[0],
        ),
        Rollout(problem=sums(2)[1], responses=[Response(text=t, steps=["x"], correct=False) for t in "abc"]),
    ]
    assert rollout_metrics([tally(rollouts[:1], nobody), tally(rollouts[1:], nobody)]) == pytest.approx(
        {
            "sampled": 6,
            "correct": 2,
            "cut": 0,
            "kept": 1,
            "share_correct": 2 / 5,  # the sixth is unknown
            "share_kept": 1 / 6,
            "distinct": (2 / 3 + 1) / 2,
            "mean_steps": 7 / 6,
        }
    )


def test_shares_are_of_the_first_responses_and_counts_of_all() -> None:
    def drawn(verdicts: str, texts: str) -> Rollout:
        pairs = zip(verdicts, texts, strict=True)
        return Rollout(
            problem=sums(1)[0],
            responses=[
                Response(text=text, steps=["x"] * (i + 1), correct=v == "+") for i, (v, text) in enumerate(pairs)
            ],
            selected=[0],
        )

    found = rollout_metrics([tally([drawn("+-", "aa"), drawn("--++", "abcd")], nobody, first=2)])
    assert found == pytest.approx(
        {
            "sampled": 6,
            "correct": 3,
            "cut": 0,
            "kept": 2,
            "share_correct": 1 / 4,
            "share_kept": 2 / 6,
            "distinct": (1 / 2 + 1) / 2,
            "mean_steps": (1 + 2 + 1 + 2) / 4,
        }
    )
