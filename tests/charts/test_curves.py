from __future__ import annotations

import numpy as np

from lit_mstar.charts.curves import Curve, curves
from lit_mstar.charts.rewards import histogram, reliability
from lit_mstar.charts.searches import Search, search_figure


def test_lines_are_the_values_and_bear_their_names():
    figure = curves({"greedy": Curve([0, 1, 3], [0.5, 0.75, 0.7]), "Pass@K": Curve([0, 3], [0.8, 0.9])})
    (axes,) = figure.axes
    drawn = [[*map(tuple, np.transpose(line.get_data()))] for line in axes.get_lines()]
    assert drawn == [[(0, 0.5), (1, 0.75), (3, 0.7)], [(0, 0.8), (3, 0.9)]]
    assert [text.get_text() for text in axes.texts] == ["greedy", "Pass@K"]
    assert len({line.get_linestyle() for line in axes.get_lines()}) == 2  # not by colour alone


def test_noise_does_not_look_like_a_difference():
    (axes,) = curves({"a": Curve([0, 1], [0.5, 0.501])}).axes
    low, high = axes.get_ylim()
    assert high - low >= 0.1
    (axes,) = curves({"steps": Curve([0, 1], [3.0, 3.0])}, percent=False).axes
    low, high = axes.get_ylim()
    assert low < 3 < high


def test_a_search_marks_what_was_taken():
    (axes,) = search_figure(Search([0.5, 1.0, 1.5], [0.7, 0.8, 0.6], [0.02, 0.03, 0.04], 0.5, 1.5)).axes
    taken = next(line for line in axes.get_lines() if line.get_marker() == "D")
    assert [*map(float, np.ravel(taken.get_data()))] == [1.5, 0.6]
    assert any(text.get_text() == "before: 0.5" for text in axes.texts)


def test_a_search_sets_apart_what_was_judged_on_fewer_problems():
    search = Search([0.5, 1.0, 1.5, 2.0], [0.7, 0.8, 0.6, 0.3], [0.02] * 4, 0.5, 1.0, problems=[60, 60, 30, 15])
    (axes,) = search_figure(search).axes
    drawn = {line.get_markerfacecolor(): line for line in axes.get_lines() if line.get_marker() == "o"}
    hollow = drawn.pop("none")
    (full,) = drawn.values()
    assert [[*map(tuple, np.transpose(line.get_data()))] for line in (full, hollow)] == [
        [(0.5, 0.7), (1.0, 0.8)],
        [(1.5, 0.6), (2.0, 0.3)],
    ]
    assert hollow.get_linestyle() == "None"
    assert "fewer problems" in axes.get_xlabel()
    assert search.dropped == [False, False, True, True]
    assert search._replace(problems=()).dropped == search._replace(problems=[9] * 4).dropped == [False] * 4


def test_a_histogram_has_shares_of_each_side():
    (axes,) = histogram([1, 3], [2, 2]).axes
    assert [bar.get_height() for bar in axes.patches] == [0.25, 0.75, -0.5, -0.5]


def test_reliability_has_each_bins_share():
    (axes,) = reliability([0.1, 0.9], [0.2, 0.8], [0.1, 0.7], [0.3, 0.9]).axes
    line = axes.get_lines()[1]
    assert [*map(tuple, np.transpose(line.get_data()))] == [(0.1, 0.2), (0.9, 0.8)]
