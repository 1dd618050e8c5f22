from __future__ import annotations

from lit_mstar.report.sections.searched import search_of, searches
from lit_mstar.report.tally import Tally
from support.reported import GRID, search_metrics


def test_a_search_is_read_from_the_measures_of_its_iteration():
    tally = Tally(3, {"metrics": search_metrics(1.0, 0.5), "sampling": {"temperature": 1.0}})
    search = search_of(tally)
    assert search is not None
    assert (search.grid, search.before, search.chosen, search.title) == ([*GRID], 1.0, 0.5, "Reward-Pass@2")
    assert search.values == [0.9, 0.65, 0.4]
    assert search.errors == [0.02] * 3
    (chart,) = searches([Tally(2, {"metrics": {"temperature": 1.0}}), tally])
    assert chart.title == "After iteration 3"
    assert chart.rows == [["0.5", "90.0%", "± 2.0"], ["1", "65.0%", "± 2.0"], ["1.5", "40.0%", "± 2.0"]]


def test_a_race_says_on_how_many_problems_each_was_judged():
    counts = {f"balance/problems/T={t:g}": n for t, n in zip(GRID, (60.0, 60.0, 15.0), strict=True)}
    (chart,) = searches([Tally(3, {"metrics": search_metrics(1.0, 0.5) | counts})])
    assert chart.note == "1 → 0.5; 1 of 2 within one standard error of the best; 1 dropped after fewer problems"
    assert chart.header == ("temperature", "Reward-Pass@2", "standard error", "problems")
    assert [row[-1] for row in chart.rows] == ["60", "60", "15"]
