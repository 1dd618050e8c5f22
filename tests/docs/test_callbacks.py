"""The callbacks of docs/your-callback.md do what the page says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lit_mstar import Iteration, Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from support.judge import answering
from support.pages import DOCS, blocks


def classes(title: str) -> dict[str, Any]:
    """What a file of the page defines."""
    (text,) = [block.text for block in blocks(DOCS / "your-callback.md") if block.title == title]
    names: dict[str, Any] = {}
    exec(compile(text, title, "exec"), names)  # noqa: S102 - that is what is tested
    return names


def iteration(*rollouts: Rollout, index: int = 0) -> Iteration:
    problems = [rollout.problem for rollout in rollouts]
    return Iteration(index=index, problems=problems, sampling=SamplingParams(n=1), rollouts=list(rollouts))


def rollout(name: str, *responses: Response) -> Rollout:
    return Rollout(problem=Problem(id=name, question=f"{name}?", answer="7"), responses=list(responses))


def test_the_length_penalty_weighs_score_against_tokens():
    def response(score: float, tokens: int, correct: bool = True) -> Response:
        return Response(text="", token_ids=[1] * tokens, score=score, correct=correct)

    # Worth 0.5, 0.6, 0.4, and a wrong one that is never kept.
    found = rollout("a", response(0.9, 40), response(0.7, 10), response(0.5, 10), response(1.0, 0, correct=False))
    classes("my_callbacks.py")["LengthPenalty"](per_token=0.01, k=2).on_rollouts_sampled(None, None, iteration(found))
    assert found.selected == [1, 0]


def test_the_curriculum_begins_with_what_is_solved_and_ends_with_everything():
    made = classes("curriculum.py")["Curriculum"](iterations=4, hardest=0.5)
    right, wrong = Response(text="", correct=True), Response(text="", correct=False)
    made.on_iteration_end(
        None, None, iteration(rollout("easy", right, right), rollout("hard", wrong, wrong, wrong, right))
    )
    asked = [Problem(id=name, question="?") for name in ("easy", "hard", "new")]
    left = {}
    for index in (0, 1, 2, 4):
        found = Iteration(index=index, problems=list(asked), sampling=SamplingParams(n=1))
        made.on_sampling_start(None, None, found)
        left[index] = [problem.id for problem in found.problems]
        assert found.metrics["curriculum_left_out"] == 3 - len(found.problems)
    # 0.25 of "hard" were right; wanted are 0.5, 0.375, 0.25 and 0 of them.
    assert left == {0: ["easy", "new"], 1: ["easy", "new"], 2: ["easy", "hard", "new"], 4: ["easy", "hard", "new"]}
    again = classes("curriculum.py")["Curriculum"]()
    again.load_state_dict(made.state_dict())
    assert again.solved == {"easy": 1.0, "hard": 0.25}


def test_the_judges_marks_are_scores_and_what_is_unclear_is_counted():
    marks = {"good": "I say 8.5 of 10", "fine": "7", "mute": "Hm.", "late": "11"}

    def reply(body: dict[str, Any]) -> str:
        said = body["messages"][0]["content"]
        return next(mark for text, mark in marks.items() if f"Solution: {text}" in said)

    found = rollout("a", *(Response(text=text, correct=True) for text in marks), Response(text="wrong", correct=False))
    with answering(reply) as url:
        judge = classes("judge.py")["JudgeReward"](url, "my-judge")
        measured = iteration(found)
        judge.on_rollouts_sampled(None, None, measured)
    assert [response.score for response in found.responses] == pytest.approx([0.85, 0.7, 0.0, 1.0, 0.0])
    assert found.selected == [3, 0]
    assert measured.metrics == {"judge_unclear": 1.0}
    silent = SimpleNamespace(question="?"), SimpleNamespace(text="x")
    assert judge.mark(*silent) is None  # the server is gone
