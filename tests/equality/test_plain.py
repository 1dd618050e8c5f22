from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lit_mstar.equality.plain import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**24**", "24"),
        ("__24__", "24"),
        ("*24*", "24"),
        ("`24`", "24"),
        ('"24"', "24"),
        ("“24”", "24"),
        ("24。", "24"),
        ("24.", "24"),
        ("$24$", "24"),
        (r"\(24\)", "24"),
        (r"\[ 24 \]", "24"),
        (r"\boxed{\text{a dog}}", "a dog"),
        (r"\mathbf{B}", "B"),
        ("{B}", "B"),
        ("{1, 2}", "{1, 2}"),
        ("$12", "$12"),
        (r"\$12", "$12"),
        ("$x$ and $y$", "x and y"),
        (r"24 \text{ cm}^2", "24 cm^2"),
        (r"24\text{cm}", "24 cm"),
        ("24~cm", "24 cm"),
        ("~3.14", "~3.14"),
        ("24 cm²", "24 cm^2"),
        ("10⁻¹⁹", "10^{-19}"),
        ("C₂H₄", "C2H4"),
        ("2½", "2 1/2"),
        ("½", "1/2"),
        ("3⁄4", "3/4"),
        ("–7", "-7"),
        ("−7", "-7"),
        ("1\u202f234", "1 234"),
        ("\u200b7\ufeff", "7"),
        ("７％", "7%"),
        ("٢٤", "24"),
        (r"60^{\circ}", "60°"),
        (r"60^\circ", "60°"),
        (r"\dfrac12", r"\frac{1}{2}"),
        (r"3 \times 4", "3 × 4"),
        (r"12\,345", "12 345"),
        ("1{,}200", "1,200"),
        ("Yes!", "Yes"),
        ("5!", "5!"),
        ("B!", "B"),
        ("24<|im_end|>", "24"),
        ("24</s>", "24"),
        ("## 24", "24"),
        ("> 24", "24"),
        (">", ">"),
        ("24}", "24"),
        ("  a \n b ", "a b"),
        ("$.$", ""),
        ("**", ""),
        ("", ""),
    ],
)
def test_one_spelling(text: str, expected: str) -> None:
    assert plain(text) == expected


pieces = st.lists(
    st.sampled_from(
        ["**", "$", r"\boxed{", "}", "{", "²", "½", "x", "7", ".", " ", '"', "`", r"\text{", "°", "-", "\n"]
    )
    | st.text(max_size=3),
    max_size=9,
).map("".join)


@given(pieces | st.text())
@example("**$5**$")
def test_it_is_one_line_without_white_space_around(text: str) -> None:
    assert plain(text) == " ".join(plain(text).split())


@pytest.mark.parametrize("part", ["$", "**", "{", "}", r"\boxed{", r"\text{a", "²", "½", " ", "(", "'", '"', "#", ">"])
def test_long_hostile_text_takes_linear_time(part: str) -> None:
    plain(part * 20_000)  # minutes, were the time quadratic
