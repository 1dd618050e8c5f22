"""Each official rule against cases worked out by hand from its description, its laxness included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.evaluation import M3CoTGrader, MathVistaGrader, MMStarGrader, OptionGrader
from lit_mstar.evaluation.rules import edit_distance, nearest_option
from lit_mstar.reasoning.grader import Grader


def choice(answer: str, *choices: str, **options: str) -> Problem:
    return Problem(id="p", question="?", answer=answer, choices=choices, **options)  # type: ignore[arg-type]


def free(answer: str, kind: str, precision: int | None = None) -> Problem:
    return Problem(id="p", question="?", answer=answer, precision=precision, tags={"answer_type": kind})


SWAPPED = choice("(a)", "(c)", "(d)", "(a)", "(b)", answer_type="option")
ANIMALS = choice("a dog", "a cat", "a dog", "a horse", answer_type="option")
LETTERED = choice("B", "red", "blue", "green", answer_type="letter")

MATHVISTA = [
    # multiple choice: a letter is a letter, also where options look like letters
    (SWAPPED, "(c)", True),  # the letter C, whose option reads "(a)"
    (SWAPPED, "C", True),
    (SWAPPED, "(a)", False),  # the letter A, whose option reads "(c)"
    (ANIMALS, "(B) a dog", True),
    (ANIMALS, "B", True),
    (ANIMALS, "a dog", True),
    (ANIMALS, "dog", True),  # the nearest
    (ANIMALS, "a frog", True),  # lax: nearer to "a dog" than to others
    (ANIMALS, "Z", False),  # no option's letter; the nearest is "a cat", the first of equals
    (ANIMALS, "(A) or (B)", False),  # the first
    (ANIMALS, "horse", False),
    # integer: str(int(float(x)))
    (free("3", "integer"), "3", True),
    (free("3", "integer"), "3.0", True),
    (free("3", "integer"), "3.9", True),  # lax: cut, not rounded
    (free("3", "integer"), " 3 ", True),
    (free("3", "integer"), "three", False),
    (free("3", "integer"), "3 cm", False),
    (free("1200", "integer"), "1,200", False),  # strict: Python reads no comma
    (free("3", "integer"), "inf", False),
    # float: rounded to the precision
    (free("1.5", "float", 1), "1.46", True),
    (free("1.5", "float", 1), "1.54", True),
    (free("1.5", "float", 1), "1.56", False),
    (free("0.50", "float", 2), "0.5", False),  # strict: "0.5" is not "0.50"
    (free("1.5", "float", 1), "1.5 m", False),
    # list and text: as they stand
    (free("[1, 2]", "list"), "[1, 2]", True),
    (free("[1, 2]", "list"), "[1,2]", False),  # strict
    (free("Yes", "text"), "Yes", True),
    (free("Yes", "text"), "yes", False),
]

M3COT = [
    (LETTERED, "The answer is (B).", True),
    (LETTERED, "(A) is wrong, so (B)", True),
    (LETTERED, "(B) and not (A)", False),  # strict: the last counts
    (LETTERED, "It is (A). [Answer] (b)", True),
    (LETTERED, "[Answer] Blue", True),
    (LETTERED, "blue is not it, green is", False),  # the last option whose text occurs
    (LETTERED, "it is blue, for red would be warm", True),  # of red and blue, blue stands later in the list
    (LETTERED, "so B.", True),
    (LETTERED, "B or C", False),
    (LETTERED, "b", False),  # a small letter alone is none
    (LETTERED, "bluegreen", False),  # lax: green occurs in it
    (LETTERED, "no idea", False),
]

MMSTAR = [
    (LETTERED, "B", True),
    (LETTERED, "B: blue", True),
    (LETTERED, "(B) blue", True),
    (LETTERED, "Option B", True),
    (LETTERED, "The answer is B.", True),
    (LETTERED, "blue", True),  # lax: it begins with a b
    (LETTERED, "Because of the light it is red", True),  # lax
    (LETTERED, "So B", False),  # strict
    (LETTERED, "Step 1: Look.\nAnswer: B", False),  # a chain of thought
    (LETTERED, "**B**", False),
]

OPTION = [
    (LETTERED, "B", True),
    (LETTERED, "(B)", True),
    (LETTERED, "B. blue", True),
    (LETTERED, "A colour like B", True),  # "A" may be an article
    (LETTERED, "B or C", False),  # two letters are none
    (LETTERED, "blue", True),
    (LETTERED, "Blue!", True),
    (LETTERED, "blue and green", False),  # two options are none
    (LETTERED, "b", False),
    (LETTERED, "yellow", False),
    (LETTERED, "D", False),
]

CASES = [
    (grader, *case)
    for grader, cases in (
        (MathVistaGrader, MATHVISTA),
        (M3CoTGrader, M3COT),
        (MMStarGrader, MMSTAR),
        (OptionGrader, OPTION),
    )
    for case in cases
]


@pytest.mark.parametrize(("grader", "problem", "answer", "right"), CASES)
def test_as_worked_out_by_hand(grader: type[Grader], problem: Problem, answer: str, right: bool):
    assert grader().matches(answer, problem).correct is right


@pytest.mark.parametrize("grader", [MathVistaGrader, M3CoTGrader, MMStarGrader, OptionGrader])
def test_no_answer_is_never_right(grader: type[Grader]):
    for answer in (None, "", "  "):
        verdict = grader().matches(answer, LETTERED)
        assert (verdict.correct, verdict.rule) == (False, "no answer")


def test_the_final_answer_is_taken_first_unless_the_response_is_asked_for():
    text = "Step 1: (A) is too warm.\nAnswer: B"
    assert M3CoTGrader().extract(text, LETTERED) == "B"
    assert M3CoTGrader().matches("B", LETTERED).correct
    whole = M3CoTGrader(reads="response")
    assert whole.extract(text, LETTERED) == text
    assert not whole.matches(text, LETTERED).correct  # its last bracket is (A)
    with pytest.raises(ValueError, match="reads is 'line'"):
        MMStarGrader(reads="line")  # type: ignore[arg-type]


WORDS = st.text("abc", max_size=6)


@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_a_distance(a: str, b: str, c: str):
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) == edit_distance(b, a)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@given(WORDS, WORDS)
def test_edit_distance_is_the_recursion(a: str, b: str):
    def slowly(x: str, y: str) -> int:
        if not x or not y:
            return len(x) + len(y)
        return min(slowly(x[1:], y) + 1, slowly(x, y[1:]) + 1, slowly(x[1:], y[1:]) + (x[0] != y[0]))

    assert edit_distance(a[:4], b[:4]) == slowly(a[:4], b[:4])


@given(st.lists(st.text("abcd ", min_size=2, max_size=6), min_size=1, max_size=5, unique=True), st.data())
def test_an_option_is_nearest_to_itself(choices: list[str], data: st.DataObject):
    chosen = data.draw(st.sampled_from(choices))
    assert edit_distance(nearest_option(chosen, choices), chosen.strip()) <= edit_distance(chosen, chosen.strip())
