from __future__ import annotations

from lit_mstar import Problem, Response, Rollout
from lit_mstar.equality.comparison import Verdict
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.marking import CUT, Marker
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


def test_prefixes_end_with_their_steps():
    text = CHAIN.format("7")
    prefixes = ReasoningFormat().prefixes(text)
    assert prefixes == [text[: text.index("Step 2")], text[: text.index("Answer")]]
    assert [ReasoningFormat().steps(p)[-1] for p in prefixes] == ReasoningFormat().steps(text)


def test_own_patterns_are_used():
    reasoning = ReasoningFormat(step_pattern=r"(?m)^- ", answer_pattern=r"(?m)^=> (.*)$")
    text = "- three\n- four\n=> 7"
    rollout = Rollout(problem=Problem(id="p", question="?", answer="7"), responses=[Response(text=text)])
    (response,) = Marker(reasoning).mark(rollout).responses
    assert (response.steps, response.answer, response.correct) == (["- three", "- four"], "7", True)
    assert reasoning.prefixes(text) == ["- three\n", "- three\n- four\n"]


def test_a_response_that_was_cut_gives_no_answer():
    texts = [CHAIN.format("7"), "Answer: 7\n" * 50]
    problem = Problem(id="p", question="?", answer="7")
    for may, expected in ((False, (None, False, CUT)), (True, ("7", True, "same text"))):
        responses = [Response(text=text, finish_reason="length") for text in texts]
        marker = Marker(ReasoningFormat(cut_may_be_right=may))
        marker.mark(Rollout(problem=problem, responses=responses))
        assert [(r.answer, r.correct, r.rule) for r in responses] == [expected, expected]
        whole = Response(text=texts[0], finish_reason="stop")
        assert marker.mark(Rollout(problem=problem, responses=[whole])).responses[0].correct is True


def test_equal_answers_are_judged_once():
    asked: list[str] = []

    class Counting(RuleGrader):
        def matches(self, predicted: str | None, problem: Problem) -> Verdict:
            asked.append(str(predicted))
            return super().matches(predicted, problem)

    texts = [CHAIN.format(answer) for answer in ("7", "8", "7", "7", "8")]
    rollout = Rollout(problem=Problem(id="p", question="?", answer="7"), responses=[Response(text=t) for t in texts])
    Marker(grader=Counting()).mark(rollout)
    assert [r.correct for r in rollout.responses] == [True, False, True, True, False]
    assert asked == ["7", "8"]


def test_settings_say_all_that_decides():
    settings = {
        Marker().settings(),
        Marker(ReasoningFormat(cut_may_be_right=True)).settings(),
        Marker(ReasoningFormat(answer_pattern="=> (.*)")).settings(),
        Marker(grader=RuleGrader(precision=1)).settings(),
    }
    assert len(settings) == 4
    assert Marker().settings() in settings
