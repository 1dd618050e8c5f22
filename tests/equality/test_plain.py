from __future__ import annotations

import pytest

from lit_mstar.equality.plain import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**24**", "24"),
        ("## 24", "24"),
        ("> 24", "24"),
        ("`24`", "24"),
        ("$24$", "24"),
        ("$$ 24 $$", "24"),
        (r"\(24\)", "24"),
        (r"\[24\]", "24"),
        (r"\boxed{24}", "24"),
        (r"\boxed{\text{24}}", "24"),
        (r"\text{a} + \text{b}", "a + b"),
        (r"5\text{cm}", "5 cm"),
        (r"\text{H}_2\text{O}", "H_2O"),
        (r"5\,\mathrm{m/s}", "5 m/s"),
        ("{B}", "B"),
        ("{1, 2}", "{1, 2}"),
        (r"\{1, 2\}", "{1, 2}"),
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"3 \times 4", "3 × 4"),
        (r"90^\circ", "90°"),
        ("90º", "90°"),
        (r"50\%", "50%"),
        (r"\$5", "$5"),
        ("$5", "$5"),
        ("1{,}200", "1,200"),
        ("−5", "-5"),
        ("10–20", "10-20"),
        ("x²", "x^2"),
        ("10⁻¹⁹", "10^{-19}"),
        ("Fe²⁺", "Fe^{2+}"),
        ("H₂O", "H2O"),
        ("1½", "1 1/2"),
        ("２４", "24"),
        ("٢٤", "24"),
        ("（Ｂ）", "(B)"),
        ("24。", "24"),
        ("“red”", "red"),
        ("a\n b\t c", "a b c"),
        ("5!", "5!"),
        ("Yes!", "Yes"),
        ("2pi", "2π"),
        ("Paris is spicy", "Paris is spicy"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        ("CO2", "CO2"),
        (" . ", ""),
        ("**", ""),
        ("$$", ""),
        ("", ""),
    ],
)
def test_one_spelling(text: str, expected: str) -> None:
    assert plain(text) == expected
    assert plain(expected) == expected
