"""What decides, and the settings; which answers match is in `test_wrong_answers` and `test_right_answers`."""

from __future__ import annotations

import pytest

from lit_mstar.equality import comparison
from lit_mstar.equality.comparison import Comparison, Verdict


@pytest.mark.parametrize(
    ("answer", "reference", "verdict"),
    [
        ("a dog", "a dog", Verdict(True, "same text")),
        ("42.0", "42", Verdict(True, "number")),
        ("42 cm", "42", Verdict(True, "number, unit on one side")),
        ("1 m", "100 cm", Verdict(True, "unit converted")),
        ("0.5", "50%", Verdict(True, "percent")),
        ("2.5454", "2.55", Verdict(True, "number, rounded to the reference's decimals")),
        ("10 to 20", "10-20", Verdict(True, "range")),
        ("x = 5", "5", Verdict(True, "value of an equation")),
        ("x = 2 + 3 = 5", "5", Verdict(True, "all sides of an equation")),
        ("x = 2", "y = 2", Verdict(False, "different variables")),
        ("3, 2, 1", "1, 2, 3", Verdict(True, "list")),
        ("(1, 2)", "5", Verdict(False, "a list on one side only")),
        ("10-20", "15", Verdict(False, "range on one side only")),
        ("41", "42", Verdict(False, "different numbers")),
        (r"\sqrt{12}", r"2\sqrt{3}", Verdict(True, "expression")),
        (r"5\sqrt{2} cm", r"5\sqrt{2} kg", Verdict(False, "different units")),
        ("a dog", "a cat", Verdict(False, "different texts")),
        ("", "a cat", Verdict(False, "no answer")),
        ("$$", "$$", Verdict(False, "no answer")),
        ("a " * 200, "A " * 200, Verdict(True, "long text")),
        ("a " * 200, "b " * 200, Verdict(False, "long text")),
    ],
)
def test_the_rule_is_named(answer: str, reference: str, verdict: Verdict) -> None:
    assert Comparison(timeout=30.0)(answer, reference) == verdict


@pytest.mark.parametrize(
    ("answer", "reference", "optional", "required", "ignored"),
    [
        ("5 cm", "5 cm", True, True, True),
        ("5 cm", "5", True, True, True),
        ("5", "5 cm", True, False, True),
        ("5 kg", "5 cm", False, False, True),
        ("50 mm", "5 cm", True, True, False),
        ("6 cm", "5 cm", False, False, False),
    ],
)
def test_units(answer: str, reference: str, optional: bool, required: bool, ignored: bool) -> None:
    found = [Comparison(units=units)(answer, reference).correct for units in ("optional", "required", "ignored")]
    assert found == [optional, required, ignored]


@pytest.mark.parametrize(
    ("answer", "expected"), [("5", True), ("5 cm", True), ("50 mm", True), ("5 m", False), ("5 kg", False)]
)
def test_the_unit_of_a_bare_reference(answer: str, expected: bool) -> None:
    assert Comparison(unit="cm")(answer, "5").correct is expected


@pytest.mark.parametrize(
    ("answer", "reference", "precision", "expected"),
    [
        ("2.7182", "2.72", 2, True),
        ("2.72", "2.7182", 2, True),
        ("2.71", "2.72", 2, False),
        ("2.5", "3", 0, True),
        ("-2.5", "-3", 0, True),
        ("2.4", "3", 0, False),
        ("1/3", "0.33", 2, True),
        ("12.345", "12.35", 2, True),
    ],
)
def test_precision(answer: str, reference: str, precision: int, expected: bool) -> None:
    assert Comparison(precision=precision)(answer, reference).correct is expected


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("2.5454", "2.55", True),
        ("2.55", "2.5454", False),
        ("0.46", "0.5", False),  # too much is rounded away
        ("2.4", "2", False),  # the reference is an integer
        ("22/7", "3.14", False),  # no longer decimal
        ("1/3", "0.333", False),
    ],
)
def test_more_digits_than_the_reference_has(answer: str, reference: str, expected: bool) -> None:
    assert Comparison()(answer, reference).correct is expected


@pytest.mark.parametrize(
    ("tolerance", "answer", "expected"),
    [(0.0, "1.01", False), (0.05, "1.01", True), (0.05, "1.06", False), (0.05, "1", True), (0.05, "0.94", False)],
)
def test_tolerance(tolerance: float, answer: str, expected: bool) -> None:
    assert Comparison(tolerance=tolerance)(answer, "1.00").correct is expected


def test_integers_know_no_tolerance() -> None:
    assert not Comparison(tolerance=0.05)("101", "100").correct


@pytest.mark.parametrize(
    ("answer_type", "answer", "reference", "expected"),
    [
        ("text", "1.0", "1", False),
        ("text", "The Dog.", "dog", True),
        ("expression", "2+3", "5", True),
        ("expression", r"\frac{1}{2}", "0.5", True),
        ("number", "5 cm", "5", True),
        (None, "1.0", "1", True),
    ],
)
def test_what_the_reference_is_may_be_known(
    answer_type: str | None, answer: str, reference: str, expected: bool
) -> None:
    assert Comparison(answer_type=answer_type, timeout=30.0)(answer, reference).correct is expected


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        *(("10-20", "30-40"), ("2005-2015", "-10"), ("10%-20%", "-10%"), ("3-1", "2"), ("2021-05-03", "2013")),
        *(("6/10/2021", "0.0003"), ("C2H4", "C4H2"), ("A1B2", "2A1B"), ("3×4", "4×3"), ("a dog", "god a")),
        *(("5 kg", "5 cm"), ("red-blue", "blue-red"), ("12:30", "0.4"), ("x < 3 or x > 5", "x < 3 and x > 5")),
    ],
)
def test_what_is_no_mathematics_never_meets_it(monkeypatch: pytest.MonkeyPatch, answer: str, reference: str) -> None:
    asked: list[object] = []
    monkeypatch.setattr(comparison, "symbolically_equal", lambda *question: asked.append(question) or True)
    assert not Comparison()(answer, reference).correct
    assert not Comparison()(reference, answer).correct
    assert asked == []


def test_what_takes_too_long_is_not_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], list[tuple[str, str]]()

    def slow(predicted: str, reference: str, timeout: float) -> bool:
        asked.append((predicted, reference))
        now[0] += timeout
        return False

    monkeypatch.setattr(comparison.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(comparison, "symbolically_equal", slow)
    many, others = (", ".join(form.format(i) for i in range(2, 20)) for form in ("√{} + y", "y + √{}"))
    verdict = Comparison(timeout=2.0)(many, others)
    assert not verdict.correct
    assert len(asked) == 4  # until three times the limit have gone by
    asked.clear()
    assert not Comparison(timeout=2.0)("x + 1", "1 + x").correct  # another comparison has its own time
    assert len(asked) == 1
