"""Answers that are not what is asked: what passes here would be learned."""

from __future__ import annotations

import pytest

from lit_mstar.equality.comparison import Comparison

# "answer | reference", several on a line.
PAIRS = r"""
10-20 | 30-40  ‖  10-20 | 10-30  ‖  10-20 | -10  ‖  -10 | 10-20  ‖  2005-2015 | -10  ‖  2005-2015 | 2006-2016
10%-20% | -10%  ‖  10%-20% | 20%-30%  ‖  10 to 20 | 10 to 30  ‖  3-1 | 2  ‖  3-1 | 1-3  ‖  3-1 | 2-0  ‖  3:1 | 1:3
2021-05-03 | 2021-03-05  ‖  2021-05-03 | 2013  ‖  6/10/2021 | 10/6/2021  ‖  6/10/2021 | 12/20/4042  ‖  6/10 | 10/6
C2H4 | C4H2  ‖  C2H4 | 2C4H  ‖  H2O | HO2  ‖  H_2O | HO_2  ‖  CO2 | Co2  ‖  CO_2 | Co_2  ‖  A1B2 | B2A1
A1B2 | 2A1B  ‖  3×4 | 4×3  ‖  3x4 | 4x3  ‖  3 by 4 | 4 by 3  ‖  3*4 cm | 4*3 cm  ‖  4cm | 2cm2  ‖  4 cm | 4 cm^2
4 cm | 4 m  ‖  √16 | 6  ‖  √16 | √1*6  ‖  \sqrt{16} | 6  ‖  \sqrt16 | 46  ‖  1.6e-19 | 3.2e-19
1.6×10^{-19} | 3.2×10^{-19}  ‖  1.6\times10^{-19} C | 3.2\times10^{-19} C  ‖  1e-9 x | 2e-9 x
10^{-10} | 10^{-11}  ‖  0.0000001 | 0.0000002  ‖  3 = 7 | 7  ‖  x = 5 = 7 | 7  ‖  x = 5 = 7 | 5  ‖  7 = 3 | 7
5 Mm | 5 mm  ‖  5 mW | 5 MW  ‖  5 mm | 5 Mm  ‖  12 or 13 | 13  ‖  12 or 13 | 12  ‖  12, 13 | 13  ‖  12 and 13 | 13
not 12 | 12  ‖  It is not 12 | 12  ‖  The answer is not 12 | 12  ‖  5 | -5  ‖  -5 | 5  ‖  5 | 50  ‖  5% | 5.5%
50% | 5  ‖  1/2 | 2/1  ‖  1/2 | 12  ‖  12 | 1/2  ‖  1 1/2 | 11/2  ‖  1 1/2 | 1/2  ‖  $5 | €5  ‖  5 dollars | 5 euros
5 cents | 5 dollars  ‖  $1.2 million | $1.2 billion  ‖  1.2 million | 1.2  ‖  1,234 | 1.234  ‖  1,234 | 1234.5
1 234 | 234  ‖  3.14 | 3.15  ‖  0.33 | 0.34  ‖  3.14 | 3.1416  ‖  2.5 | 2.55  ‖  12:30 | 12:03
12:30 pm | 12:30 am  ‖  12:30 | 1230  ‖  3:45 | 4:45  ‖  0:45 | 45  ‖  10 apples | 10 oranges  ‖  10 cats | 10 dogs
10 apples | 12 apples  ‖  x+1 | x-1  ‖  x^2 | x2  ‖  x^2 | 2x  ‖  2^3 | 6  ‖  2^3 | 23  ‖  x>5 | x<5  ‖  x>5 | x≥5
x > 5 | 5  ‖  x ≥ 5 | 5  ‖  (1,2) | (2,1)  ‖  (1,2) | [1,2]  ‖  (1,2] | [1,2]  ‖  {1,2} | (1,2)  ‖  (1,2) | 1.2
(1.2) | (1,2)  ‖  sin x | cos x  ‖  sin(30) | sin(60)  ‖  log 2 | log 3  ‖  f(x)=x | f(x)=x+1
y = 2x+1 | y = 2x-1  ‖  y=2x | x=2y  ‖  x=2, y=3 | x=3, y=2  ‖  x = 2 | y = 2 x  ‖  more than 5 | 5
less than 5 | 5  ‖  at least 5 | 5  ‖  5 or more | 5  ‖  over 5 | 5  ‖  5+ | 5  ‖  >5 | 5  ‖  <5 | 5  ‖  5 more | 5
5 less | 5  ‖  no 5 | 5  ‖  none | 0 apples  ‖  half | 2  ‖  twice | 0.5  ‖  2x | x2y  ‖  AB | BA  ‖  ABC | ACB
angle A | angle B  ‖  triangle ABC | triangle DEF  ‖  ∠A | ∠B  ‖  ∠ABC | ∠ACB  ‖  45° | 45 rad  ‖  45 | 54
90° | 9°  ‖  5^\circ | 50  ‖  Monday | Tuesday  ‖  north | south  ‖  left | right  ‖  increase | decrease
yes | no  ‖  Yes, it is | no  ‖  No, it is not | yes  ‖  true | false  ‖  red | blue  ‖  red, blue | red
red and blue | red  ‖  red | red, blue  ‖  dark blue | blue  ‖  1st | 2nd  ‖  1st | 1  ‖  first | second  ‖  1 | I
II | III  ‖  II | 11  ‖  1990s | 1990  ‖  1990s | 1980s  ‖  5 km/h | 5 m/s  ‖  5 km/h | 5 km  ‖  5 m/s | 5 m/s^2
5 kg | 5 g  ‖  5 lb | 5 kg  ‖  5 N | 5 J  ‖  1000 g | 10 kg  ‖  0 | -1  ‖  0 | 0.0001  ‖  nan | nan2  ‖  inf | -inf
\infty | -\infty  ‖  ∞ | 8  ‖  1e5 | 1e6  ‖  1e5 | 15  ‖  10^5 | 105  ‖  10^5 | 10.5  ‖  3 × 10^8 | 3 × 10^9
3 × 10^8 | 24  ‖  3×10 | 3  ‖  2:3 | 3:2  ‖  2:3 | 2:4  ‖  2/3 | 0.66  ‖  2/3 | 0.67  ‖  0.66 | 2/3
1:2:3 | 3:2:1  ‖  \frac{1}{2} | \frac{1}{3}  ‖  \frac{1}{2} | 12  ‖  \frac12 | \frac21
\begin{pmatrix}1&2\\3&4\end{pmatrix} | \begin{pmatrix}1&2\\4&3\end{pmatrix}
\begin{pmatrix}1&2\end{pmatrix} | \begin{pmatrix}2&1\end{pmatrix}  ‖  2\sqrt{3} | 3\sqrt{2}  ‖  2√3 | 2√5
2\pi | 2  ‖  2\pi | 3\pi  ‖  π | 3  ‖  5! | 5  ‖  5! | 24  ‖  x=±2 | x=2  ‖  ±2 | 2  ‖  ±2 | -2  ‖  2, -2 | 2
a | b  ‖  B. 24 | 24 cm^2 x  ‖  5'6" | 5'7"  ‖  5 ft 6 in | 5 ft 7 in  ‖  5 feet | 5 inches  ‖  Step 1 | 1
Figure 3 | 3  ‖  page 12 | 12  ‖  Chapter 5 | 5  ‖  Room 12 | 12   ‖  12A | 12  ‖  12A | 12B  ‖  A12 | B12
A12 | 12  ‖  B-52 | 52  ‖  B-52 | -52  ‖  COVID-19 | -19  ‖  COVID-19 | 19  ‖  T-34 | T-43  ‖  F16 | F15
iPhone 12 | 12  ‖  1, 2, 3 | 3, 2, 1, 0  ‖  1, 2, 3 | 1, 2  ‖  1;2 | 1.2  ‖  1,2 | 12  ‖  1, 2 | 12  ‖  a, b | b, a
0.1 + 0.2 | 0.4  ‖  7+8 | 16  ‖  7 + 8 = 15 | 16  ‖  7 + 8 = 16 | 16  ‖  7+8=16 | 15  ‖  2+2=5 | 5  ‖  2+2=5 | 4
1/0 | 0  ‖  0/0 | 0  ‖  1/0 | 2/0  ‖  12 cm by 5 cm | 5 cm by 12 cm  ‖  12345678901234567890 | 12345678901234567891
0.9999 | 1  ‖  100.5 | 100  ‖  5.5 | 5  ‖  5.5 | 6  ‖  5 1/2 | 5  ‖  13/4 | 1 3/4  ‖  13/4 | 3/4  ‖  -1/2 | 1/2
-(1/2) | 1/2  ‖  −7 | 7  ‖  - 7 | 7  ‖  minus 7 | 7  ‖  negative 7 | 7  ‖  (7) | -7  ‖  seven | 8
twenty one | 20  ‖  twenty-one | 20  ‖  twenty-one | -1  ‖  one hundred | 1  ‖  one hundred | 10  ‖  one half | 1
two thirds | 2  ‖  two-thirds | 2  ‖  three quarters | 3  ‖  a dozen | 1  ‖  two dozen | 2  ‖  5 dozen | 5
2 hundred | 2  ‖  5k | 5  ‖  5M | 5  ‖  5 million | 5  ‖  5 thousand dollars | 5 dollars
20 percent off | 20 dollars  ‖  20 percent points | 20%x  ‖  5 squared | 5  ‖  5 cubed | 5  ‖  5 times | 4 times
5x | 5  ‖  5a | 5  ‖  5b | 5  ‖  5 a | 5  ‖  5 x | 5  ‖  5y | 5x  ‖  100 years ago | 100 days  ‖  12 pm | 12 am
3 pm | 3 am  ‖  3 pm | 3  ‖  May 5 | May 6  ‖  May 2020 | 2020  ‖  May 5, 2020 | May 5, 2021  ‖  05/2020 | 2020
January | June  ‖  Jan 5 | Jun 5  ‖  20-30 | 20~31  ‖  20–30 years | 20–30 days  ‖  20 to 30 years | 20 years
20-30 years | 20 years  ‖  20-30 years | -10 years  ‖  between 2 and 3 | 2  ‖  between 2 and 3 | 3  ‖  2 or 3 | 2.3
2.3 | 2 or 3  ‖  15 + 3i | 15 - 3i  ‖  3i | 3  ‖  i | 1  ‖  e | 1  ‖  e^2 | e^3  ‖  ln 2 | log 2
\ln 2 | \log_{10} 2  ‖  5 \text{ cm} | 5 \text{ m}  ‖  \text{5 cm} | \text{5 m}  ‖  0.5 | .05  ‖  0,5 | 5
0,5 | 0.05  ‖  1.000 | 10  ‖  1.5.2 | 1.52  ‖  1.5.2 | 1.5  ‖  192.168.0.1 | 192.168.0.2  ‖  v1.2 | v1.3  ‖  #5 | #6
No. 5 | No. 6  ‖  5th | 6th  ‖  Q1 | Q2  ‖  Q1 2020 | Q2 2020  ‖  x1 | x2  ‖  x_1 | x_2  ‖  x_{1} | x_{2}
10% increase | 10% decrease  ‖  increase by 10% | decrease by 10%  ‖  +10% | -10%  ‖  up 5 | down 5
5 north | 5 south  ‖  AB = 5 | AB = 6  ‖  AB = 5 | CD = 6  ‖  x = 5 | x = 6  ‖  x = -5 | x = 5  ‖  x ≠ 5 | x = 5
x ≠ 5 | 5  ‖  x ≈ 5 | x ≈ 6  ‖  C_2H_4 | C_4H_2  ‖  C2H5OH | C2H6O  ‖  NaCl | NaC1  ‖  Fe2+ | Fe3+
Fe^{2+} | Fe^{3+}  ‖  Na+ | Na-  ‖  Na^+ | Na^-  ‖  SO4^{2-} | SO3^{2-}  ‖  sp2 | sp3  ‖  sp^2 | sp^3
1s2 2s2 | 1s2 2s1  ‖  1s^2 2s^2 | 1s^2 2s^1  ‖  1s^2 2s^2 | 2s^2 2s^2  ‖  Ca | CA x  ‖  mm | Mm  ‖  k | K x
pH 7 | 7  ‖  pH 7 | pH 8  ‖  x = 2 | y = 2  ‖  x=2, y=3 | x=2, y=4  ‖  x = 1 or x = 2 | x = 1 or x = 3
x = 1 or 2 | 1  ‖  x^2+1 | x^2+2  ‖  \sqrt{3} | \sqrt{5}  ‖  \sqrt[3]{8} | \sqrt{8}  ‖  √25 | 25  ‖  √2 | 1.41
√2 | 2  ‖  2√2 | 4  ‖  \frac{\pi}{2} | \frac{\pi}{3}  ‖  \frac{\pi}{2} | 1/2  ‖  \pi/2 | 2\pi
\log_2 8 | \log_3 8  ‖  \log_{10} 2 | \ln 2  ‖  \sin 30^\circ | \cos 30^\circ  ‖  \sin 30° | \sin 30
\sin 30^\circ | 1  ‖  \tan 45° | 45°  ‖  tan 45 | 1  ‖  \int_0^1 x dx | 1  ‖  \sum_{i=1}^{3} i | 5
x \in (1,2) | x \in [1,2]  ‖  (1,2) \cup (3,4) | (1,2) \cap (3,4)  ‖  (1,2) ∪ (3,4) | (1,2) ∪ (3,5)
(-∞,3) | (-∞,3]  ‖  x<3 | x≤3  ‖  x<3 or x>5 | x<3 and x>5  ‖  1<x<2 | 1<x<3  ‖  1 < x < 2 | 2  ‖  1<x≤2 | 1<x<2
a=1, b=2 | a=2, b=1  ‖  a:b = 1:2 | 2:1  ‖  a = b | b = c  ‖  AB = CD | AB = EF  ‖  AB ∥ CD | AB ⊥ CD
△ABC ~ △DEF | △ABC ≅ △DEF  ‖  ∠1 = ∠2 | ∠1 = ∠3  ‖  ∠1 | 1  ‖  ∠1 | ∠2  ‖  m∠1 = 50 | m∠1 = 60
∠ABC = 50° | ∠ABC = 60°  ‖  2021-05 | 2016  ‖  2021-05 | 2021-06  ‖  2021/05 | 2021/06  ‖  05/06 | 06/05
5/6 | 6/5  ‖  1/3 | 0.3  ‖  0.3 | 1/3  ‖  0.333 | 0.334  ‖  33% | 1/3  ‖  33.3% | 1/3  ‖  0.3 | 30  ‖  30% | 3
30% | 0.03  ‖  3% | 0.3  ‖  $1.50 | $15.0  ‖  $1.50 | 150  ‖  $1.50 | 15  ‖  $1,50 | 15  ‖  150 cents | $15
€5 | $5  ‖  £5 | €5  ‖  5 USD | 5 EUR  ‖  5 rupees | 5 dollars  ‖  5000 | 5  ‖  5000 million | 5 million
5 billion | 5 million  ‖  5.2 billion | 5.2  ‖  5.2 million people | 5.2 people  ‖  1.5k | 1.5  ‖  2m | 2 million
2m | 2 mm  ‖  2 min | 2 m  ‖  2 M | 2 m  ‖  2 kN | 2 N  ‖  2 mV | 2 V  ‖  2 MHz | 2 mHz  ‖  2 mA | 2 A
2 °C | 2 °F  ‖  2 K | 2 °C  ‖  273 K | 0 K  ‖  100 °C | 100 K  ‖  5 m/s east | 5 m/s west
5 N to the left | 5 N to the right  ‖  5 N left | 5 N right  ‖  5 m up | 5 m down  ‖  5 units | 6 units
5 square units | 6 square units  ‖  5 cm2 | 5 cm3  ‖  5 cm^3 | 5 cm^2  ‖  5 square cm | 5 cubic cm  ‖  5 cm² | 5 m²
10 min | 10 s  ‖  1 hour | 100 minutes  ‖  1 h 30 min | 1 h  ‖  1 hour 30 minutes | 30 minutes
1 hour 30 minutes | 1 hour  ‖  1 h 30 min | 130 min  ‖  5 ft 6 in | 5 ft  ‖  5'6" | 56  ‖  5'6" | 5
2 weeks | 7 days  ‖  3 days 4 hours | 3 days  ‖  12 boys and 13 girls | 12  ‖  12 boys and 13 girls | 25
12 boys and 13 girls | 13 boys and 12 girls  ‖  3 red, 4 blue | 4 red, 3 blue  ‖  3 of 5 | 3  ‖  3 of 5 | 5
3 out of 5 | 3  ‖  3 out of 5 | 4 out of 5  ‖  3 in 5 | 3  ‖  3/5 of | 3  ‖  1 in 4 | 1 in 5  ‖  1 out of 4 | 1
five out of six | 5  ‖  one in ten | 1  ‖  two and a half | 2  ‖  two and a half | 3  ‖  two point five | 2
two hundred | 2  ‖  twenty-five | 20  ‖  twenty-five | 25.5  ‖  fifteen | fifty  ‖  thirteen | thirty
six | sixty  ‖  1st place | 2nd place  ‖  third | 3rd x  ‖  third | three  ‖  third | 1/4  ‖  a third | 3
one third | 3  ‖  half | 0.25  ‖  double | half  ‖  3 times | 3 times more than  ‖  twice | 1  ‖  once | twice
increasing | decreasing  ‖  not increasing | increasing  ‖  Not red | red  ‖  non-zero | zero  ‖  no solution | 0
no real solution | real solution  ‖  undefined | 0  ‖  infinite | 0  ‖  infinitely many | 0  ‖  DNE | 0  ‖  N/A | 0
none | 0  ‖  nothing | 0  ‖  zero apples | one apple  ‖  even | odd  ‖  acute | obtuse  ‖  ABCD | ABDC
A,B,C | A,C,B  ‖  A > B > C | C > B > A  ‖  A, B and C | A and B  ‖  A -> B | B -> A  ‖  A→B | B→A
A to B | B to A  ‖  from A to B | from B to A  ‖  Alice and Bob | Alice  ‖  Alice or Bob | Alice
Alice, not Bob | Bob  ‖  Alice is taller than Bob | Bob is taller than Alice  ‖  not Alice but Bob | Alice
New York | York  ‖  New York City | New York  ‖  South Korea | North Korea  ‖  Korea | North Korea
2010 and 2012 | 2010  ‖  2010, 2012 | 2010, 2013  ‖  2010 - 2012 | -2  ‖  in 2010 | 2011  ‖  before 2010 | 2010
after 2010 | 2010  ‖  before 2010 | after 2010  ‖  2010s | 2010  ‖  around 2010 or 2011 | 2010  ‖  H2SO4 | H2SO3
CH3COOH | CH3CHO  ‖  2H2 + O2 -> 2H2O | 2H2O  ‖  2H2 + O2 | 2O2 + H2  ‖  NaOH + HCl | HCl  ‖  C6H12O6 | C12H6O6
Al2O3 | Al3O2  ‖  ^{14}C | ^{12}C  ‖  ^{235}U | ^{238}U  ‖  C-14 | C-12  ‖  C-14 | -14  ‖  Carbon-14 | 14
1s2 2s2 2p6 | 1s2 2s2 2p5  ‖  AaBb | aabb  ‖  AaBb | AABB  ‖  Aa | aa  ‖  Aa | AA  ‖  AA | aa  ‖  XX | XY
XY | YX  ‖  TT | Tt  ‖  tt | Tt  ‖  1:2:1 | 1:1:2  ‖  9:3:3:1 | 9:3:4  ‖  3:1 | 1:1  ‖  75% Tt | 75% tt  ‖  +2 | -2
2+ | 2-  ‖  2- | -2  ‖  -2 | 2-  ‖  x+ | x-  ‖  O2 | O2-  ‖  O^{2-} | O^{2+}  ‖  e^- | e^+  ‖  β- | β+  ‖  G4 | G5
E4 | E5  ‖  e4 | e5  ‖  Nf3 | Nc3  ‖  Bxe5 | Bxe4  ‖  O-O | O-O-O  ‖  0-0 | 0-0-0  ‖  0-0 | 0  ‖  1-0 | 1
1-0 | 0-1  ‖  #FF0000 | #00FF00  ‖  0xFF | 0xFE  ‖  0b101 | 0b110  ‖  101_2 | 101_3  ‖  101_2 | 101
1010_2 | 1010  ‖  12_{10} | 12_{8}  ‖  A4 | A5  ‖  M3 | M4  ‖  5G | 4G  ‖  3D | 2D  ‖  3D | 3  ‖  2D | 2
10:00 | 10  ‖  10:00 | 22:00  ‖  10:00 AM | 10:00 PM  ‖  10 o'clock | 11 o'clock  ‖  quarter past 3 | quarter to 3
half past 3 | 3  ‖  half past 3 | 3.5  ‖  half past three | half past four  ‖  ten past five | 5
ten to five | ten past five  ‖  9 to 5 | 9  ‖  9-5 | 4  ‖  8-3 = 5 | 6  ‖  8-3=6 | 6  ‖  8 - 3 | 6  ‖  8/2 | 2
8÷2 | 3  ‖  2(3+4) | 10  ‖  -2^2 | 4  ‖  (-2)^2 | -4  ‖  1/2x | 2/x  ‖  1/(2x) | x/2  ‖  \frac{1}{2x} | \frac{x}{2}
x^{-1} | -x  ‖  x^{-1} | x  ‖  2^{-1} | 2  ‖  10^{-3} | 10^3  ‖  10^{-3} m | 1 m  ‖  1.0 × 10^{-3} | 10^3
5e-3 | 5e3  ‖  5E-3 | 5E3  ‖  6.02×10²³ | 6.02×10²²  ‖  6.02e23 | 6.02e22  ‖  6.02×10^23 | 6.03×10^23
a^2+b^2 | (a+b)^2  ‖  a^2 - b^2 | (a-b)^2  ‖  a/b | b/a  ‖  ab | a+b  ‖  ab | ba2  ‖  xy | x+y  ‖  f(x) | f(y)
f(x)+1 | f(x)+2  ‖  f'(x) | f(x)  ‖  f(x) = x^2 | f(x) = x^3  ‖  f(2) = 5 | f(2) = 6  ‖  f(2) = 5 | f(3) = 5
P(A) = 0.5 | P(A) = 0.6  ‖  P(A) = 0.5 | P(B) = 0.5  ‖  n! | n  ‖  n! | n^2  ‖  n(n+1)/2 | n(n-1)/2
\binom{5}{2} | \binom{5}{1}  ‖  \binom{5}{2} | 11  ‖  C(5,2) | C(5,1)  ‖  5 choose 2 | 5
x_1 = 2, x_2 = 3 | x_1 = 3, x_2 = 2  ‖  a_n = 2n | a_n = 2n+1  ‖  a_n = 2n | 3n  ‖  \vec{a} | \vec{b}
\vec{AB} | \vec{BA}  ‖  \overline{AB} | \overline{BC}  ‖  \overrightarrow{AB} | \overrightarrow{BA}  ‖  \bar{x} | x
\hat{i} + 2\hat{j} | 2\hat{i} + \hat{j}  ‖  2i+3j | 3i+2j  ‖  ⟨1,2⟩ | ⟨2,1⟩  ‖  x mod 3 | x mod 4  ‖  7 mod 3 | 7
2 R 1 | 2  ‖  2 remainder 1 | 2  ‖  2 r 1 | 2  ‖  12 R 3 | 12 R 4  ‖  5 \text{ or } 6 | 5  ‖  \text{A or B} | A
5 \pm 1 | 5  ‖  5 ± 0.1 | 5  ‖  5±0.1 | 5±0.2  ‖  5 (or 6) | 5  ‖  5 (not 6) | 6  ‖  5 [sic] | 6  ‖  5? | 6
5 % | 6 %  ‖  5 – 6 | 5  ‖  5—6 | 5  ‖  ~5 | 6  ‖  ≈5 | 5.1  ‖  about 5 | 6  ‖  5ish | 6  ‖  > 5 | ≥ 5
up to 5 | 5  ‖  5 at most | 5  ‖  5 or fewer | 5  ‖  5 max | 5  ‖  fewer than 5 | 5  ‖  no more than 5 | 5
5 and above | 5  ‖  not less than 5 | 5  ‖  almost 5 x | 5  ‖  12 + 5 apples | 12 apples  ‖  12 - 5 | 12
12 × 5 = 60 | 12  ‖  12 × 5 = 60 | 5  ‖  60 = 12 × 5 | 12  ‖  60 = 12 × 6 | 60  ‖  x = 5 and x = 6 | 5
x = 5 or -5 | 5  ‖  x = 5, which means y = 6 | 6  ‖  5, which is less than 6 | 6  ‖  5. But 6 | 5
5 or maybe 6 | 5  ‖  5; 6 | 5  ‖  5/6 or 6/5 | 5/6  ‖  5 -> 6 | 5  ‖  5 → 6 | 6  ‖  5 > 6 | 5  ‖  5 < 6 | 6
5 != 6 | 5  ‖  5 ≠ 6 | 6  ‖  5 = 6 | 6  ‖  5 = 5 = 6 | 5
"""
pairs = [pair.strip().split(" | ") for line in PAIRS.strip().splitlines() for pair in line.split("‖")]


@pytest.mark.parametrize(("answer", "reference"), pairs)
def test_they_differ(answer: str, reference: str) -> None:
    assert Comparison(timeout=30.0)(answer, reference).correct is False
