"""Which option an answer names, and that it names none where it could be two."""

from __future__ import annotations

import pytest

from lit_mstar.equality.choices import lettered, lone_letter, option_named, options
from lit_mstar.equality.comparison import Comparison

same = Comparison(timeout=30.0).same
# options: "answer → letter", several on a line; "-" for none, "↵" for a new line.
CASES = {
    ("red", "blue", "green", "yellow"): r"""
B → B  ‖  (B) → B  ‖  B. → B  ‖  B) → B  ‖  b → B  ‖  B. blue → B  ‖  B: blue → B  ‖  (B) blue → B  ‖  B - blue → B
Option B → B  ‖  option b → B  ‖  choice (B) → B  ‖  blue → B  ‖  Blue. → B  ‖  the blue → B  ‖  B. red → -
A or B → -  ‖  A, B → -  ‖  A and B → -  ‖  not B → -  ‖  It is not B → -  ‖  The answer is not B → -
Not B, A → -  ‖  neither A nor B → -  ‖  either A or B → -  ‖  red or blue → -  ‖  red, blue → -  ‖  not blue → -
E → -  ‖  The answer is B → B  ‖  the correct answer is B → B  ‖  The correct option is (B). → B
B, because the sky is blue → B  ‖  B because red is warm → B  ‖  B (blue) → B  ‖  B (red) → -  ‖  B = blue → B
**B** → B  ‖  **B.** blue → B  ‖  **B. blue** → B  ‖  \text{B} → B  ‖  \boxed{\text{B. blue}} → B
\mathbf{(B)} → B  ‖  $B$ → B  ‖  Ｂ → B  ‖  （B） → B
B、blue → B  ‖  B：blue → B  ‖  选B → B  ‖  答案B → B  ‖  选项B → B
B选项 → B  ‖  Choice B → B  ‖  letter B → B  ‖  B is correct → B  ‖  B is correct. → B  ‖  I choose B → B
I would pick B. → B  ‖  B is not correct → -  ‖  B is wrong → -  ‖  B is incorrect → -  ‖  A is wrong, so B → B
all except B → -  ‖  anything but B → -  ‖  The answer is anything but B → -  ‖  the answer cannot be B → -
the answer can't be B → -  ‖  It should not be B → -  ‖  I don't think the answer is B → -
The answer isn't B → -  ‖  B or maybe C → -  ‖  B / C → -  ‖  B, C → -  ‖  B; C → -  ‖  B. C → -  ‖  BC → -
AB → -  ‖  B C → -  ‖  (A)(B) → -  ‖  (A) (B) → -  ‖  A) B) → -  ‖  A. red B. blue C. green D. yellow → -
A. red↵B. blue → -  ‖  A. red or B. blue → -  ‖  A: red, B: blue → -  ‖  A. red, blue → -  ‖  D. none → D  ‖  ? → -
unknown → -  ‖  None → -  ‖  I don't know → -  ‖  I am not sure, B → -
""",
    ("12", "24", "36", "48"): r"""
24 → B  ‖  24.0 → B  ‖  24 cm → B  ‖  B. 24 → B  ‖  B. 36 → -  ‖  B: 24 cm → B  ‖  C: 24 → -  ‖  x = 24 → B
12 or 24 → -  ‖  2 → -  ‖  1 → -  ‖  B → B  ‖  36 → C  ‖  D: 12 → -  ‖  25 → -  ‖  B. 25 → B
""",
    ("(c)", "(d)", "(a)", "(b)"): r"""
(c) → A  ‖  C → C  ‖  (a) → C  ‖  A → A  ‖  A. (c) → A  ‖  A. (a) → -  ‖  (A) → A  ‖  A (c) → A  ‖  A: (d) → -
The answer is (c) → A
""",
    ("c", "d", "a", "b"): r"""
c → A  ‖  C → C
""",
    ("C", "D", "A", "B"): r"""
C → C  ‖  A → A
""",
    ("Yes", "No"): r"""
Yes → A  ‖  No → B  ‖  yes, it is → A  ‖  No, it is not → B  ‖  A. No → -  ‖  B → B  ‖  A → A
""",
    ("30°", "60°", "90°", "120°"): r"""
30 → A  ‖  30° → A  ‖  30^\circ → A  ‖  30 degrees → A  ‖  B. 60^\circ → B  ‖  60 → B  ‖  A. 60° → -
""",
    ("12 cm", "24 cm", "12 m", "24 m"): r"""
12 → -  ‖  12 cm → A  ‖  12 m → C  ‖  A. 12 → A  ‖  120 mm → A  ‖  A. 12 m → -  ‖  C. 12 cm → -
""",
    (r"\frac{1}{2}", r"\frac{1}{3}", r"2\sqrt{3}", r"3\sqrt{2}"): r"""
1/2 → A  ‖  0.5 → A  ‖  \sqrt{12} → C  ‖  2√3 → C  ‖  3√2 → D  ‖  A. \frac{1}{3} → -
""",
    ("red", "blue", "both A and B", "none of the above"): r"""
both A and B → C  ‖  None of the above → D  ‖  red → A
""",
    ("CO2", "Co2", "C2O", "CO"): r"""
CO2 → A  ‖  Co2 → B  ‖  CO_2 → A  ‖  B. CO2 → -  ‖  A. Co2 → -
""",
    ("10-20", "20-30", "30-40", "40-50"): r"""
10-20 → A  ‖  10–20 → A  ‖  30-40 → C  ‖  A. 10 to 20 → A  ‖  A. 20-30 → -
""",
    ("A. red", "B. blue", "C. green", "D. yellow"): r"""
B → B  ‖  blue → B  ‖  B. blue → B  ‖  B. red → -  ‖  A → A  ‖  red → A
""",
    ("-1", "1", "0", "2"): r"""
-1 → A  ‖  1 → B  ‖  A. 1 → -
""",
    ("(1,2)", "(2,1)", "(1,1)", "(2,2)"): r"""
(1,2) → A  ‖  (2,1) → B  ‖  (1, 2) → A  ‖  A. (1,2) → A  ‖  A (2,1) → -  ‖  A(2,1) → B
""",
    ("y = 2x", "x = 2y", "y = x", "y = -x"): r"""
y=2x → A  ‖  x=2y → B  ‖  2x → A  ‖  y=x*2 → A  ‖  y = -x → D  ‖  x = y/2 → -
""",
    ("Alice", "Bob", "A. Lincoln", "B. Franklin"): r"""
Bob → B  ‖  B → B  ‖  B. Franklin → D  ‖  A. Lincoln → C  ‖  A. Alice → A  ‖  D. B. Franklin → D
""",
}

cases = [
    (choices, *case.strip().replace("↵", "\n").split(" → "))
    for choices, table in CASES.items()
    for line in table.strip().splitlines()
    for case in line.split("‖")
]


@pytest.mark.parametrize(("choices", "answer", "letter"), cases)
def test_option_named(choices: tuple[str, ...], answer: str, letter: str) -> None:
    index = option_named(answer, choices, same)
    assert (index is not None and "ABCD"[index] or "-") == letter


@pytest.mark.parametrize(
    ("answer", "by", "index"),
    [
        ("C", "letter", 2),
        ("C", "option", 0),
        ("C", None, 2),
        ("c", "letter", 2),
        ("A", "option", 2),
        ("A", "letter", 0),
        ("E", "letter", None),
        ("E", "option", None),
    ],
)
def test_what_a_letter_is_may_be_known(answer: str, by: str | None, index: int | None) -> None:
    assert option_named(answer, ("C", "D", "A", "B"), same, by) == index


@pytest.mark.parametrize(("answer", "index"), [("5", None), ("B", 1), ("A", 0), ("B. 5", 1)])
def test_of_equal_options_only_a_letter_names_one(answer: str, index: int | None) -> None:
    assert option_named(answer, ("5", "5"), same) == index


def test_options_lose_their_letters() -> None:
    assert options(("A. red", "B. **blue**")) == ("red", "blue")
    assert options(("(A) $x^2$", "(B) 5")) == ("x^2", "5")
    assert options(("A. red", "blue")) == ("A. red", "blue")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", ("B", "")),
        ("(b)", ("B", "")),
        ("[B]", ("B", "")),
        ("B. 24", ("B", "24")),
        ("(B) 24", ("B", "24")),
        ("B because it fits", ("B", "because it fits")),
        ("The correct option is B", ("B", "")),
        ("选项B", ("B", "")),
        ("A or B", None),
        ("B, or C", None),
        ("It is a", None),
        ("it cannot be B", None),
        ("Bob", None),
        ("B2", None),
        ("B'", None),
        ("B^2", None),
        ("24", None),
        ("", None),
        ("B" * 3000, None),
    ],
)
def test_lettered(text: str, expected: tuple[str, str] | None) -> None:
    assert lettered(text) == expected


@pytest.mark.parametrize(("text", "letter"), [("B", "B"), ("(b)", "B"), ("option C", "C"), ("B. x", ""), ("x y", "")])
def test_lone_letter(text: str, letter: str) -> None:
    assert lone_letter(text) == letter
