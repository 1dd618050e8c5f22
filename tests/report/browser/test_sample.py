from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.report.browser.sample import choose, rollouts_of
from lit_mstar.report.run import Stage
from lit_mstar.report.sections.chart import share_interval
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally, tallies
from support.reported import rollout, write_iteration

asked = st.dictionaries(st.text(max_size=5), st.tuples(st.integers(0, 99), st.integers(1, 9)), max_size=30)


@given(st.lists(asked, max_size=3), st.integers(0, 5000), st.integers(1, 100))
def test_as_many_problems_as_fit_and_always_the_same_first(parts: list, budget: int, most: int):
    found = [Tally(index, {}, asked=part) for index, part in enumerate(parts)]
    everything = choose(found, 10**9, 10**9)
    chosen = choose(found, budget, most)
    assert sorted(everything) == sorted({name for part in parts for name in part})
    assert chosen == everything[: len(chosen)]

    def size(names: list[str]) -> tuple[int, int]:
        rows = [part[name] for part in parts for name in names if name in part]
        return sum(length + 60 * count for length, count in rows), sum(count for _, count in rows)

    if len(chosen) > 1:
        assert size(chosen)[0] <= budget
        assert size(chosen)[1] <= most
    if len(chosen) < len(everything):
        more = size(everything[: len(chosen) + 1])
        assert more[0] > budget or more[1] > most or len(chosen) == 1


def test_rollouts_come_back_as_they_were_with_the_sources_images(run: Path):
    stage = Stage(run / "4-evolve")
    source = RunSource(stage)
    wanted = choose(tallies(stage))[:5]
    found = rollouts_of(stage, 1, wanted, source)
    assert {rollout.problem.id for rollout in found} == {*wanted}
    assert all(rollout.problem.images and len(rollout.responses) == 4 for rollout in found)


def test_without_the_source_problems_are_what_the_ledger_says(run: Path):
    stage = Stage(run / "4-evolve")
    found = rollouts_of(stage, 0, choose(tallies(stage)), RunSource(stage, use=False))
    known = RunSource(stage).problems("train")
    assert len(found) == len(known)
    for one in found:
        assert one.problem.images == ()
        assert one.problem.question == known[one.problem.id].question
        assert one.problem.answer == known[one.problem.id].answer


def test_texts_of_other_scripts_are_weighed_by_what_they_take(tmp_path: Path):
    problem = Problem(id="p", question="?", answer="1")
    long = rollout(problem, [True], [0.5])
    long.responses[0].text = "数学" * 10
    write_iteration(tmp_path, 0, [long])
    (tally,) = tallies(Stage(tmp_path))
    assert tally.asked == {"p": (60, 1)}


@pytest.mark.parametrize(("right", "number"), [(0, 7), (7, 7), (3, 10), (900, 1000), (123_456, 200_000)])
def test_intervals_of_shares_are_wilsons(right: int, number: int):
    p, z = right / number, 1.959963984540054
    centre = (p + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z / (1 + z**2 / number) * (p * (1 - p) / number + z**2 / (4 * number**2)) ** 0.5
    assert share_interval(right, number) == pytest.approx((centre - half, centre + half), abs=1e-9)
