from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.data.interval import share_of
from support.scripted import (
    sums,
)


@given(count=st.integers(1, 60), shares=st.integers(1, 8), turn=st.integers(0, 3))
def test_a_pass_covers_every_problem_once(count: int, shares: int, turn: int):
    problems = sums(count)
    dealt = [share_of(problems, 1 / shares, turn * shares + k) for k in range(shares)]
    assert sorted(p.id for share in dealt for p in share) == sorted(p.id for p in problems)
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_passes_are_shuffled_anew():
    problems = sums(20)
    orders = [[p.id for k in (0, 1) for p in share_of(problems, 0.5, 2 * turn + k)] for turn in range(3)]
    assert len({tuple(order) for order in orders}) == 3
