from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.terminal.phases import Clock, phase


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_phase_within_another_takes_its_time_from_it() -> None:
    clock = Clock(time := Time())
    for moment, step in ((1, "training"), (4, "validating"), (6, None), (7, None), (10, "training")):
        time.now = moment
        clock.enter(step) if step else clock.leave()
    time.now = 12
    assert clock.take() == {"training": 3 + 1 + 2, "validating": 2}
    time.now = 15
    assert clock.take() == {"training": 3}  # it goes on
    clock.leave()
    time.now = 20
    assert clock.take() == {}  # nothing went on


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "leave"])), max_size=20))
def test_no_second_is_counted_twice_or_lost(steps: list[tuple[int, str]]) -> None:
    clock, depth, busy = Clock(time := Time()), 0, 0
    for took, step in steps:
        time.now += took
        busy += took if depth else 0
        if step != "leave":
            clock.enter(step)
            depth += 1
        elif depth:
            clock.leave()
            depth -= 1
    assert sum(clock.take().values()) == busy


def test_where_no_bar_shows_phases_nothing_happens() -> None:
    for trainer in (SimpleNamespace(), *(SimpleNamespace(progress_bar_callback=bar) for bar in (None, object()))):
        with phase(trainer, "sampling", 3) as advance:
            assert advance(1) is None
