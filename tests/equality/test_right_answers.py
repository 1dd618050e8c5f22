"""Right answers in other words and notations."""

from __future__ import annotations

import pytest

from lit_mstar.equality.comparison import Comparison

# "answer | reference", several on a line.
PAIRS = r"""
√16 | 4  ‖  \sqrt{16} | 4  ‖  √(16) | 4  ‖  sqrt(16) | 4  ‖  **42** | 42  ‖  *42* | 42  ‖  `42` | 42  ‖  $42$ | 42
\boxed{42} | 42  ‖  \(42\) | 42  ‖  \[42\] | 42  ‖  \text{42} | 42  ‖  42. | 42  ‖  42.0 | 42  ‖  42.00 | 42
４２ | 42  ‖  ٤٢ | 42  ‖  42 | 42  ‖  about 42 | 42  ‖  approximately 42 | 42  ‖  ≈42 | 42  ‖  \approx 42 | 42
~42 | 42  ‖  x = 42 | 42  ‖  x=42 | 42  ‖  42 = x | 42  ‖  AB = 42 | 42  ‖  m\angle ABC = 42^\circ | 42
m∠ABC = 42° | 42  ‖  \angle A = 42^\circ | 42°  ‖  42^\circ | 42  ‖  42^{\circ} | 42°  ‖  42 degrees | 42°
42 degrees | 42  ‖  42 cm | 42  ‖  42 | 42 cm  ‖  42cm | 42 cm  ‖  42 cm² | 42 cm^2
42 cm^2 | 42 square centimeters  ‖  42 sq. cm | 42 cm2  ‖  42 sq cm | 42 cm^2  ‖  0.42 m | 42 cm  ‖  1 km | 1000 m
1.5 hours | 90 minutes  ‖  $42 | 42  ‖  42 dollars | $42  ‖  42 USD | $42  ‖  US$42 | $42  ‖  $42.00 | 42
\$42 | $42  ‖  \$42 | 42  ‖  42% | 42  ‖  42\% | 42%  ‖  42 percent | 42%  ‖  0.42 | 42%  ‖  1,234 | 1234
1 234 | 1234  ‖  1.234,5 | 1234.5  ‖  1{,}234 | 1234  ‖  1,234,567 | 1234567  ‖  12,34,567 | 1234567
1.2 million | 1,200,000  ‖  1.2M | 1.2 million  ‖  5k | 5000  ‖  3\times10^8 | 300000000  ‖  3×10^8 | 3e8
3 x 10^8 | 3e8  ‖  3*10^8 | 3e8  ‖  3·10⁸ | 3e8  ‖  1.6 \times 10^{-19} | 1.6e-19  ‖  1.6×10⁻¹⁹ C | 1.6e-19 C
1/2 | 0.5  ‖  ½ | 1/2  ‖  ½ | 0.5  ‖  1½ | 1.5  ‖  1 1/2 | 3/2  ‖  1\frac{1}{2} | 1.5  ‖  \frac{3}{2} | 1.5
\dfrac{3}{2} | 3/2  ‖  \frac32 | 1.5  ‖  3/2 | \frac{3}{2}  ‖  -\frac{1}{2} | -0.5  ‖  \frac{-1}{2} | -0.5
-1/2 | \frac{-1}{2}  ‖  \frac{2}{4} | 1/2  ‖  2.5454 | 2.55  ‖  3.14159 | 3.14  ‖  2√3 | 2\sqrt{3}
2\sqrt3 | 2\sqrt{3}  ‖  2*sqrt(3) | 2\sqrt{3}  ‖  \sqrt{12} | 2\sqrt{3}  ‖  2√3 cm | 2\sqrt{3}  ‖  5\pi | 5π
5π | 5*pi  ‖  5 pi | 5\pi  ‖  25\pi cm^2 | 25\pi  ‖  x^2+2x+1 | (x+1)^2  ‖  x²+2x+1 | (x+1)^2
y = 2x + 1 | y=2x+1  ‖  y=2x+1 | 2x+1  ‖  2x+1 | y = 2x+1  ‖  x=2y | 2y=x  ‖  (1, 2) | (1,2)
\left(1, 2\right) | (1, 2)  ‖  A(1,2) | (1,2)  ‖  x ∈ [0,5] | [0,5]  ‖  {1,2} | {2,1}  ‖  \{1, 2\} | {2, 1}
1, 2 and 3 | 1, 2, 3  ‖  3, 2, 1 | 1, 2, 3  ‖  x=1 or x=2 | 1, 2  ‖  x = 1, x = 2 | 1, 2  ‖  x=2, y=3 | x = 2, y = 3
±2 | 2, -2  ‖  \pm 2 | ±2  ‖  x = ±2 | ±2  ‖  10-20 | 10–20  ‖  10-20 | 10 to 20  ‖  10 - 20 | 10-20
from 10 to 20 | 10-20  ‖  10%-20% | 10% to 20%  ‖  10-20% | 10%-20%  ‖  2005-2015 | 2005 to 2015  ‖  3×4 | 3 x 4
3 × 4 | 3×4  ‖  3 by 4 | 3×4  ‖  3:2 | 6:4  ‖  3 : 2 | 3:2  ‖  3 to 2 | 3:2  ‖  12:30 PM | 12:30 p.m.
12:30pm | 12:30 PM  ‖  2021-05-03 | May 3, 2021  ‖  3 May 2021 | May 3, 2021  ‖  May 3rd, 2021 | May 3, 2021
May 2021 | May, 2021  ‖  The red car | red car  ‖  Red | red  ‖  red. | red  ‖  "red" | red  ‖  'red' | red
a cat | the cat  ‖  A cat. | cat  ‖  Yes. | yes  ‖  Yes, because it is round | yes  ‖  **Yes** | Yes
No, the bar is shorter. | No  ‖  True | true  ‖  The answer is 42 | 42  ‖  It is 42 | 42  ‖  It's 42. | 42
There are 42 apples | 42  ‖  There are 42 apples. | 42 apples  ‖  The area is 42 cm^2 | 42
The area of the triangle is 42. | 42  ‖  42 apples | 42  ‖  42 apples | 42 apples
42, which is the sum of both | 42  ‖  42 because 40+2 = 42 | 42  ‖  42 (the sum) | 42  ‖  42 (approximately) | 42
42 years | 42  ‖  42 years old | 42  ‖  42 km/h | 42  ‖  42 m/s | 42 meters per second
42 kilometers per hour | 42 km/h  ‖  forty-two | 42  ‖  forty two | 42  ‖  twelve | 12  ‖  Twelve | 12  ‖  zero | 0
one hundred | 100  ‖  two thirds | 2/3  ‖  one half | 1/2  ‖  minus 7 | -7  ‖  negative 7 | -7  ‖  −7 | -7
- 7 | -7  ‖  +7 | 7  ‖  -7 | −7  ‖  7 + 8 = 15 | 15  ‖  15 = 7 + 8 | 15  ‖  x = 7 + 8 = 15 | 15  ‖  C2H4 | C_2H_4
C₂H₄ | C2H4  ‖  H_2O | H2O  ‖  \text{H}_2\text{O} | H2O  ‖  CO₂ | CO2  ‖  \mathrm{CO_2} | CO2  ‖  co2 | CO2
Fe²⁺ | Fe^{2+}  ‖  5′ | 5'  ‖  x > 5 | x>5  ‖  5 < x | x > 5  ‖  x≥5 | x \ge 5  ‖  x\geq5 | x≥5  ‖  x ≥ 5 | 5 ≤ x
1e3 | 1000  ‖  1E3 | 1000  ‖  1.0e3 | 1000  ‖  .5 | 0.5  ‖  0,5 | 0.5  ‖  0.50 | 0.5  ‖  00042 | 42  ‖  100% | 1
1st | 1st  ‖  II | II  ‖  24 です | 24  ‖  24。 | 24  ‖  24度 | 24  ‖  42 元 | 42  ‖  $\frac{1}{2}$ | 0.5
\( \frac{1}{2} \) | 0.5  ‖  $$\frac{1}{2}$$ | 0.5  ‖  \boxed{\frac{1}{2}} | 0.5  ‖  x = 3, y = 4 | x=3, y=4
log_2(8) | 3  ‖  \log_2 8 | 3  ‖  \sin 30^\circ | 0.5  ‖  sin(30°) | 0.5  ‖  \frac{\sqrt{3}}{2} | √3/2
sqrt(3)/2 | \frac{\sqrt{3}}{2}  ‖  \frac{1}{\sqrt{2}} | \frac{\sqrt{2}}{2}  ‖  2^{10} | 1024  ‖  2^10 | 1024
5! | 120  ‖  (-\infty, 3) | (-∞, 3)  ‖  (-\infty,3)\cup(5,\infty) | (-∞,3)∪(5,∞)  ‖  5 \text{ cm} | 5 cm
5\ \text{cm} | 5 cm  ‖  5~\mathrm{cm} | 5 cm  ‖  5\,\text{m/s} | 5 m/s  ‖  5\,\text{m}/\text{s} | 5 m/s
9.8 m/s² | 9.8 m/s^2  ‖  9.8\ \mathrm{m/s^2} | 9.8 m/s^2  ‖  9.8 \, \mathrm{m\,s^{-2}} | 9.8 m/s^2
triangle ABC | Triangle ABC  ‖  △ABC | \triangle ABC  ‖  ∠ABC | \angle ABC  ‖  3i+2 | 2+3i  ‖  ln 2 | \ln 2
\ln(2) | ln 2  ‖  1,000 | 1000  ‖  1,000.50 | 1000.5  ‖  $1,000 | 1000 dollars  ‖  1000 cm³ | 1 L
The missing number is 7 | 7  ‖  The value of x is 7 | 7  ‖  So the answer is 7 | 7  ‖  Therefore, x = 7 | 7
The capital is Paris | Paris  ‖  Paris | paris  ‖  New York | new york  ‖  U.S. | US  ‖  Mr. Smith | Mr Smith
"""
pairs = [pair.strip().split(" | ") for line in PAIRS.strip().splitlines() for pair in line.split("‖")]


@pytest.mark.parametrize(("answer", "reference"), pairs)
def test_they_are_the_same(answer: str, reference: str) -> None:
    assert Comparison(timeout=30.0)(answer, reference).correct is True
