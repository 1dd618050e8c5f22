from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.report.run import Stage
from lit_mstar.report.sample import choose, rollouts_of
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally, tallies

asked = st.dictionaries(st.text(max_size=5), st.tuples(st.integers(0, 99), st.integers(1, 9), st.just(0)), max_size=30)


@given(st.lists(asked, max_size=3), st.integers(0, 5000), st.integers(1, 100))
def test_as_many_problems_as_fit_and_always_the_same_first(parts: list, budget: int, most: int):
    found = [Tally(index, {}, asked=part) for index, part in enumerate(parts)]
    everything = choose(found, 10**9, 10**9)
    chosen = choose(found, budget, most)
    assert sorted(everything) == sorted({name for part in parts for name in part})
    assert chosen == everything[: len(chosen)]

    def size(names: list[str]) -> tuple[int, int]:
        rows = [part[name] for part in parts for name in names if name in part]
        return sum(length + 60 * count for length, count, _ in rows), sum(count for _, count, _ in rows)

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
    for rollout in found:
        assert rollout.problem.images == ()
        assert rollout.problem.question == known[rollout.problem.id].question
        assert rollout.problem.answer == known[rollout.problem.id].answer
