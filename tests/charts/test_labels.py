from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.charts.labels import spread

places = st.lists(st.floats(-100, 100), min_size=1, max_size=7)


@given(places, st.floats(0.1, 30))
def test_names_are_apart_in_their_order(wanted: list[float], gap: float):
    found = spread(wanted, gap)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for before, after in zip(order, order[1:], strict=False):
        assert found[after] - found[before] >= gap - 1e-6


@given(places, st.floats(0.1, 30), st.randoms(use_true_random=False))
def test_no_other_places_are_nearer(wanted: list[float], gap: float, random):
    """Any other places that are apart in this order lie farther from the wanted ones, in squares."""
    found = spread(wanted, gap)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    other, last = dict.fromkeys(order, 0.0), -1e9
    for i in order:
        last = max(last + gap, found[i] + random.uniform(-5, 5))
        other[i] = last
    cost = sum((found[i] - wanted[i]) ** 2 for i in order)
    assert cost <= sum((other[i] - wanted[i]) ** 2 for i in order) + 1e-6


def test_names_that_do_not_touch_stay():
    assert spread([0.0, 50.0, 20.0], 10) == [0.0, 50.0, 20.0]
