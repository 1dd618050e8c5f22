"""What holds of all answers: a wrong number never passes, a right one does in any notation, nothing breaks."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lit_mstar.equality import comparison
from lit_mstar.equality.plain import plain
from lit_mstar.reasoning.answers import answers_match

SEED = 20260725
WRAPPERS = ["{}", "**{}**", "${}$", r"\boxed{{{}}}", r"\({}\)", r"\text{{{}}}", "$$ {} $$", " {}\n", "`{}`", "{}."]
REMARKS = ["{}", "about {}", "The value is {}", "x = {}", "{} (see above)", "{}, which is the total", "It is {}."]
UNITS = ["", " cm", " kg", " apples", " km/h"]
UNIT_PAIRS = {"cm": ("m", 100), "g": ("kg", 1000), "mm": ("cm", 10), "minutes": ("hours", 60), "mL": ("L", 1000)}
SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
]


def full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def integers(value: int) -> list[str]:
    """Notations of an integer."""
    sign, size = "-" * (value < 0), abs(value)
    found = [f"{value}", f"{value:,}", f"{value}.0", full_width(f"{value}"), f"{value:,}".replace(",", "{,}")]
    found += [f"{sign}{size:,}".replace(",", " "), f"{value}.", f"{value * 3}/3", rf"\frac{{{value * 7}}}{{7}}"]
    found += [f"−{size}"] if value < 0 else [f"+{value}", f"0{value}"]
    digits = len(str(size)) - 1
    mantissa = str(Fraction(size, 10**digits)) if digits == 0 else f"{str(size)[0]}.{str(size)[1:]}"
    found += [
        rf"{sign}{mantissa} \times 10^{{{digits}}}",
        f"{sign}{mantissa}e{digits}",
        f"{sign}{mantissa}×10^{digits}",
    ]
    return found + ([SMALL[value]] if 0 <= value < len(SMALL) else [])


def decimals(value: Fraction) -> list[str]:
    """Notations of a number with three decimals."""
    thousandths = int(value * 1000)
    sign, whole, part = "-" * (thousandths < 0), abs(thousandths) // 1000, f"{abs(thousandths) % 1000:03}"
    found = [f"{sign}{whole}.{part}", f"{sign}{whole:,}.{part}", f"{sign}{whole}.{part}0", f"{thousandths}/1000"]
    found += [rf"\frac{{{thousandths}}}{{1000}}", f"{sign}{whole},{part}0", full_width(f"{sign}{whole}.{part}")]
    found += [rf"{sign}{whole}\frac{{{part}}}{{1000}}", f"{sign}{whole} {part}/1000"] if whole else []
    return [*found, f"{thousandths}e-3", rf"{thousandths} \times 10^{{-3}}"]


def numbers(random_: random.Random) -> tuple[Fraction, Callable[[], str]]:
    """A number, and what writes it, each time in another notation."""
    if random_.random() < 0.5:
        value = random_.choice([random_.randint(-20, 20), random_.randint(-(10**7), 10**7)])
        return Fraction(value), lambda: random_.choice(integers(value))
    value = Fraction(random_.randint(-(10**6), 10**6), 1000)
    return value, lambda: random_.choice(decimals(value))


def close(first: Fraction, second: Fraction) -> bool:
    """Whether the difference is within the tolerance, or rounded away."""
    return abs(first - second) * 200 <= max(abs(first), abs(second))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is handed to symbolic mathematics, which here finds nothing equal."""
    questions: list[tuple[str, str]] = []
    monkeypatch.setattr(comparison, "symbolically_equal", lambda a, b, timeout: bool(questions.append((a, b))))
    return questions


def test_a_wrong_number_never_passes_and_a_right_one_does(asked: list[tuple[str, str]]) -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    for _ in range(4000):
        (one, write), (other, write_other) = numbers(random_), numbers(random_)
        unit, remark, wrapper = random_.choice(UNITS), random_.choice(REMARKS), random_.choice(WRAPPERS)
        given, same, wrong = write(), write(), write_other()
        answer = remark.format(wrapper.format(given) if random_.random() < 0.5 else given + unit)
        assert answers_match(answer, same), (answer, same)
        assert answers_match(answer, random_.choice(WRAPPERS).format(same)), (answer, same)
        if not close(one, other):
            assert not answers_match(answer, wrong), (answer, wrong)
            assert not answers_match(wrong, answer), (wrong, answer)


def test_neighbours_are_told_apart(asked: list[tuple[str, str]]) -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    for _ in range(3000):
        value = random_.randint(-(10**6), 10**6)
        other = value + random_.choice([-1, 1, 10, -value * 2 or 1, value * 9 or 1])
        answer, reference = random_.choice(integers(value)), random_.choice(integers(other))
        assert not answers_match(answer, reference), (answer, reference)
    assert asked == []  # numbers need no mathematics


def test_units_are_converted_and_never_mixed_up() -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    for _ in range(2000):
        (small, (large, factor)), value = random_.choice(list(UNIT_PAIRS.items())), random_.randint(1, 9999)
        other_small, other_large = random_.choice([pair for pair in UNIT_PAIRS.items() if pair[0] not in (small, "mm")])
        shown = f"{value / factor:.10g} {large}"
        assert answers_match(f"{value} {small}", shown), (value, small, shown)
        assert not answers_match(f"{value + 1} {small}", shown), (value + 1, small, shown)
        assert not answers_match(f"{value} {large}", f"{value} {small}")
        if {small, large}.isdisjoint({"cm", "m", "mm"}) or other_small not in ("cm", "mm"):
            assert not answers_match(f"{value} {small}", f"{value} {other_small}")
            assert not answers_match(f"{value} {large}", f"{value} {other_large[0]}")


@pytest.mark.parametrize(
    "form", ["{}-{}", "{}–{}", "{} to {}", "{}:{}", "{}×{}", "{} by {}", "C{}H{}", "A{}B{}", "({}, {})", "[{}, {}]"]
)
def test_pairs_of_numbers_are_compared_part_by_part(form: str) -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    for _ in range(300):
        a, b, c, d = (random_.randint(2, 40) for _ in range(4))
        same_ratio = ":" in form and a * d == b * c
        assert answers_match(form.format(a, b), form.format(a, b))
        assert answers_match(form.format(a, b), form.format(c, d)) is ((a, b) == (c, d) or same_ratio), (a, b, c, d)
        for number in (a - b, a + b, a * b, a, b, c):
            assert not answers_match(form.format(a, b), f"{number}"), (form, a, b, number)
            assert not answers_match(f"{number}", form.format(a, b)), (form, a, b, number)


@pytest.mark.parametrize("form", ["{0}-{1:02}-{2:02}", "{1}/{2}/{0}", "{2}.{1}.{0}", "{2:02}/{1:02}/{0}"])
def test_dates_are_no_arithmetic(form: str) -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    for _ in range(300):
        one, other = ((random_.randint(1990, 2030), random_.randint(1, 12), random_.randint(1, 28)) for _ in "ab")
        assert answers_match(form.format(*one), form.format(*one))
        assert answers_match(form.format(*one), form.format(*other)) is (one == other)
        for number in (one[0] - one[1] - one[2], one[0], one[1] + one[2]):
            assert not answers_match(form.format(*one), str(number))


texts = st.text("aB5/%.,()$-: \\{}*^_=√²") | st.text()


# What is left of odd dollar signs, or of two backslashes, can pair up anew.
@given(texts.map(lambda text: re.sub(r"\$|\\{2,}", "", text)))
@example("\x00\x00")
def test_plain_twice_is_plain_once(text: str) -> None:
    assert plain(plain(text)) == plain(text)


ANSWERS = [
    "12",
    "a dog",
    "x + 1",
    r"\frac{1}{2}",
    "10-20",
    "5 cm",
    "(1, 2)",
    "B",
    "50%",
    "CO2",
    "12:30",
    "1,234",
    "√16",
]
REFERENCES = ["12.0", "dog", "1 + x", "0.5", "10–20", "5", "[1, 2]", "b", "Co2", "12:03", "1234", "4", "6", "-10"]


@given(st.sampled_from(ANSWERS), st.sampled_from(REFERENCES), st.sampled_from(WRAPPERS), st.sampled_from(WRAPPERS))
def test_wrapping_changes_no_verdict(answer: str, reference: str, one: str, other: str) -> None:
    verdict = answers_match(answer, reference, timeout=30.0)
    assert answers_match(one.format(answer), other.format(reference), timeout=30.0) is verdict
    assert answers_match(one.format(other.format(answer)), reference, timeout=30.0) is verdict


@given(st.sampled_from(ANSWERS + REFERENCES), st.sampled_from(ANSWERS + REFERENCES))
def test_sides_may_be_swapped(one: str, other: str) -> None:
    assert answers_match(one, other, timeout=30.0) is answers_match(other, one, timeout=30.0)


@pytest.mark.parametrize(("longer", "shorter"), [("2.5454", "2.55"), ("3.14159", "3.14"), ("66.67", "66.7")])
def test_but_not_for_more_digits_than_the_reference_has(longer: str, shorter: str) -> None:
    assert answers_match(longer, shorter)
    assert not answers_match(shorter, longer)
