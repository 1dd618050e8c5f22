from __future__ import annotations

import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.marking import CUT, NO_ANSWER, Marker
from lit_mstar.reasoning.rules import RuleGrader

CHAIN = "Step 1: The first digit is 3.\nStep 2: The second digit is 4.\nAnswer: {}"


def marked(*texts: str, answer: str | None = "7", choices: tuple[str, ...] = ()) -> list[Response]:
    problem = Problem(id="p", question="?", answer=answer, choices=choices)
    rollout = Rollout(problem=problem, responses=[Response(text=text) for text in texts])
    assert Marker().mark(rollout) is rollout
    return rollout.responses


def test_steps_answer_and_correctness_are_filled_in():
    (response,) = marked(CHAIN.format("7"))
    assert response.steps == ["Step 1: The first digit is 3.", "Step 2: The second digit is 4."]
    assert (response.answer, response.correct) == ("7", True)


def test_right_wrong_and_missing_answers():
    responses = marked(CHAIN.format("7"), CHAIN.format("8"), "Step 1: I do not know.", "")
    assert [r.correct for r in responses] == [True, False, False, False]
    assert [r.answer for r in responses] == ["7", "8", None, None]
    assert responses[3].steps == []


def test_without_a_reference_nothing_is_right_or_wrong():
    assert [r.correct for r in marked(CHAIN.format("7"), "", answer=None)] == [None, None]


def test_choices_may_be_named_by_letter_or_text():
    responses = marked(
        *(CHAIN.format(a) for a in ("B", "(b)", "a cat", "a dog")), answer="B", choices=("a dog", "a cat")
    )
    assert [r.correct for r in responses] == [True, True, True, False]


def test_marking_leaves_scores_and_text_alone():
    response = Response(text=CHAIN.format("7"), token_ids=[5], step_scores=[0.5, 1.0], score=0.5, correct=False)
    Marker().mark(Rollout(problem=Problem(id="p", question="?", answer="7"), responses=[response]))
    assert (response.token_ids, response.step_scores, response.score) == ([5], [0.5, 1.0], 0.5)
    assert response.correct is True  # marked anew


def test_own_patterns_are_used():
    reasoning = ReasoningFormat(step_pattern=r"(?m)^- ", answer_pattern=r"(?m)^=> (.*)$")
    text = "- three\n- four\n=> 7"
    rollout = Rollout(problem=Problem(id="p", question="?", answer="7"), responses=[Response(text=text)])
    (response,) = Marker(reasoning).mark(rollout).responses
    assert (response.steps, response.answer, response.correct) == (["- three", "- four"], "7", True)
    assert reasoning.prefixes(text) == ["- three\n", "- three\n- four\n"]


@pytest.mark.parametrize(
    ("text", "finish_reason", "may", "expected"),
    [
        ("Answer: 7", "length", False, (False, CUT)),
        ("Answer: 7", "length", True, (True, "same text")),
        ("Answer: 7", "stop", False, (True, "same text")),
        ("Answer: 8", "length", True, (False, "different numbers")),
        ("no", "length", False, (False, CUT)),
        ("", "stop", False, (False, NO_ANSWER)),
        ("Answer: $$", "stop", False, (False, NO_ANSWER)),
    ],
)
def test_what_was_cut_is_not_right(text: str, finish_reason: str, may: bool, expected: tuple[bool, str]):
    response = Response(text=text, finish_reason=finish_reason)
    rollout = Rollout(problem=Problem(id="p", question="?", answer="7"), responses=[response])
    Marker(ReasoningFormat(cut_may_be_right=may)).mark(rollout)
    assert (response.correct, response.rule) == expected


class Counting(RuleGrader):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str | None] = []

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        self.asked.append(predicted)
        return super().matches(predicted, problem)


def test_equal_answers_are_judged_once_and_missing_ones_never():
    grader = Counting()
    responses = [Response(text=text) for text in ("Answer: 7", "Answer: 8", "So.\nAnswer: 7", "", "Answer: 7.0")]
    Marker(grader=grader).mark(Rollout(problem=Problem(id="p", question="?", answer="7"), responses=responses))
    assert grader.asked == ["7", "8", "7.0"]
    assert [response.correct for response in responses] == [True, False, True, False, True]


def test_settings_name_all_that_decides():
    graders: list[Grader | None] = [None, RuleGrader(precision=1), Counting()]
    shown = {Marker(reasoning, grader).settings() for grader in graders for reasoning in (ReasoningFormat(),)}
    shown |= {Marker(ReasoningFormat(cut_may_be_right=True)).settings()}
    assert len(shown) == 4
