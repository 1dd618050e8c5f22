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
y = 2 | 2  ‖  f(2) = 5 | 5  ‖  f(x) = x^2 | x^2  ‖  P(A) = 0.5 | 0.5  ‖  P(A) = \frac{1}{2} | 0.5
\sqrt[3]{8} | 2  ‖  \log_{10} 100 | 2  ‖  \tan 45^\circ | 1  ‖  \cos 60° | 1/2  ‖  \binom{5}{2} | 10  ‖  2(3+4) | 14
(-2)^2 | 4  ‖  -2^2 | -4  ‖  8÷2 | 4  ‖  8/2 | 4  ‖  1 hour 30 minutes | 90 minutes  ‖  1 h 30 min | 1.5 hours
5 ft 6 in | 66 inches  ‖  2 weeks | 14 days  ‖  x = 5 or x = -5 | ±5  ‖  1<x<2 | 1 < x < 2  ‖  x<3 | x < 3
(1,2)∪(3,4) | (1, 2) \cup (3, 4)  ‖  \frac{3\sqrt{2}}{2} | 3√2/2  ‖  3\sqrt{2}/2 | \frac{3}{2}\sqrt{2}
6 \sqrt{3} cm^2 | 6\sqrt{3}  ‖  6√3 cm² | 6\sqrt 3  ‖  12π | 12 \pi  ‖  12π cm² | 12\pi  ‖  36\pi\text{ cm}^3 | 36π
24\text{ cm}^2 | 24  ‖  24 \text{ cm}^{2} | 24 cm²  ‖  24 cm\(^2\) | 24 cm²  ‖  $24 \text{ cm}^2$ | 24
24 square units | 24  ‖  24 sq units | 24  ‖  $24$ square centimeters | 24 cm^2  ‖  24 centimeters squared | 24 cm^2
10 meters | 10m  ‖  10 metres | 10 m  ‖  10 ft | 10 feet  ‖  5 in. | 5 inches  ‖  5" | 5 inches  ‖  5' | 5 feet
$3.50 | 3.5  ‖  $3.50 | 3 dollars and 50 cents  ‖  350 cents | $3.50  ‖  350¢ | $3.50  ‖  $0.5 million | 500000
5 million people | 5,000,000  ‖  5.2 billion USD | 5200000000  ‖  20 % | 20%  ‖  20 per cent | 20%  ‖  0.2 | 20%
20.0% | 20%  ‖  2010 | 2010.  ‖  In 2010 | 2010  ‖  in 2010 | 2010  ‖  in the year 2010 | 2010  ‖  year 2010 | 2010
2010 year | 2010  ‖  the year 2010 | 2010  ‖  **2010** (see chart) | 2010  ‖  2010, as shown in the chart | 2010
Brazil. | Brazil  ‖  Brazil (BRA) | Brazil  ‖  [Brazil, Peru] | Brazil, Peru  ‖  ['Brazil', 'Peru'] | Brazil, Peru
["Brazil", "Peru"] | Brazil, Peru  ‖  Brazil and Peru | Brazil, Peru  ‖  [1, 2] | 1, 2  ‖  [0.1,0.2] | [0.1, 0.2]
(3,−2) | (3, -2)  ‖  (3.0, -2) | (3, -2)  ‖  \left(\frac{1}{2}, 3\right) | (0.5, 3)  ‖  10:00 AM | 10 AM
10:00 a.m. | 10:00 AM  ‖  10:00 | 10:00 AM  ‖  22:00 | 10:00 PM  ‖  1:2 | 1 : 2  ‖  1 to 2 | 1:2  ‖  1:2 | 2:4
H₂SO₄ | H2SO4  ‖  \ce{H2SO4} | H2SO4  ‖  \mathrm{H_2SO_4} | H2SO4  ‖  Ca²⁺ | Ca^{2+}
1.0 \times 10^{-3} mol | 0.001 mol  ‖  0.001 mol | 1 mmol  ‖  5 kΩ | 5000 Ω  ‖  5 kΩ | 5 kiloohms  ‖  5 μm | 5 um
5 µm | 5 μm  ‖  1 kWh | 1 kWh  ‖  9.8 m s^{-2} | 9.8 m/s²  ‖  9.8 N/kg | 9.8 m/s^2  ‖  25°C | 25 °C
25 degrees Celsius | 25 °C  ‖  25 degrees C | 25 °C  ‖  25 ℃ | 25°C  ‖  $25^\circ\text{C}$ | 25 °C
30 km/hr | 30 km/h  ‖  30 kmph | 30 km/h  ‖  30 kph | 30 km/h  ‖  60 mph | 60 miles per hour
60 miles/hour | 60 mph  ‖  1,000,000 | 1000000  ‖  1000000 | 1 million  ‖  1e6 | 1 million  ‖  −5 | -5  ‖  –5 | -5
-5.0 | -5  ‖  - 5 | -5  ‖  $-5$ | −5  ‖  -\$5 | -5  ‖  -$5 | -5  ‖  '5' | 5  ‖  “5” | 5  ‖  [5] | 5  ‖  (5) | 5
{5} | 5  ‖  5; | 5  ‖  5, | 5  ‖  5!! x | 5!! x  ‖  = 5 | 5  ‖  : 5 | 5  ‖  is 5 | 5  ‖  equals 5 | 5
Result: 5 | 5  ‖  x is 5 | 5  ‖  The length of AB is 5 | 5  ‖  AB is 5 | 5  ‖  The length of side AB is 5 cm. | 5
The total number of apples is 5. | 5  ‖  There are a total of 5 apples. | 5  ‖  There are 5. | 5  ‖  There is 1 | 1
5 apples left | 5  ‖  Approximately 5.0 | 5  ‖  5.0 (approximately) | 5  ‖  5 (five) | 5  ‖  Yes, it is. | Yes
yes | Yes.  ‖  No, they are not equal. | No  ‖  True. | True  ‖  The statement is true. | True
The answer is **Yes**. | yes  ‖  larger | Larger  ‖  more than half | More than half
isosceles triangle | Isosceles Triangle  ‖  an isosceles triangle | isosceles triangle
It is an isosceles triangle. | isosceles triangle  ‖  no solution | No solution.  ‖  undefined | Undefined
\text{undefined} | undefined  ‖  \emptyset | ∅  ‖  ∅ | \varnothing  ‖  all real numbers | All real numbers
x \neq 2 | x ≠ 2  ‖  x != 2 | x ≠ 2  ‖  x >= 2 | x ≥ 2  ‖  x <= 2 | x \le 2  ‖  x \leqslant 2 | x≤2
2 \le x | x \ge 2  ‖  [2, \infty) | [2,∞)  ‖  [2, +\infty) | [2, ∞)  ‖  a_n = 2n+1 | 2n+1
y = -\frac{1}{2}x + 3 | y=-0.5x+3  ‖  y = 3 - x/2 | y = -\frac{1}{2}x + 3  ‖  x^2 + y^2 = 25 | x² + y² = 25
x^2+y^2=25 | y^2+x^2=25  ‖  (x-1)^2+(y+2)^2=9 | (x - 1)^2 + (y + 2)^2 = 9  ‖  \frac{x}{2} | 0.5x
x/2 | \frac{1}{2}x  ‖  e^{x} | e^x  ‖  50^{\circ} | 50  ‖  50^∘ | 50°  ‖  50 deg | 50°  ‖  50º | 50°
∠A = 50° | 50  ‖  angle A = 50° | 50  ‖  m\angle A=50^{\circ} | 50  ‖  x = 50^\circ | 50  ‖  x=50° | 50
"""
pairs = [pair.strip().split(" | ") for line in PAIRS.strip().splitlines() for pair in line.split("‖")]


@pytest.mark.parametrize(("answer", "reference"), pairs)
def test_they_are_the_same(answer: str, reference: str) -> None:
    assert Comparison(timeout=30.0)(answer, reference).correct is True
