"""The race: its parabola by another fit, its rounds by hand, what it takes and costs on curves that are known."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import numpy as np
import pytest
import torch
from torch import Tensor

from lit_mstar.rewards.balance import Choice, Worth
from lit_mstar.rewards.racing import race, smoothed

GRID = [round(0.1 * tenth, 1) for tenth in range(3, 17)]


def worth_of(each: Tensor) -> Worth:
    return Worth(float(each.nanmean()), math.nan, each=each)


class Table:
    """Judges from what every problem is worth at every temperature, (T, B), and notes how often it was asked."""

    def __init__(self, each: Tensor) -> None:
        self.each = each.double()
        self.asked: list[tuple[int, int]] = []

    def __call__(self, place: int, count: int) -> Worth:
        self.asked.append((place, count))
        return worth_of(self.each[place, :count])

    def run(self, first: int, worth: float, current: float = 0.7, rule: str = "argmax") -> tuple[list[Worth], Choice]:
        grid = GRID[: len(self.each)]
        return race(self, grid, self.each.shape[1], first, worth, rule, current)  # type: ignore[arg-type]

    @property
    def sampled(self) -> int:
        return sum(dict(self.asked).values())


def rounds(asked: list[tuple[int, int]]) -> dict[int, list[int]]:
    """The temperatures that were asked for, by the number of problems."""
    found: dict[int, list[int]] = {}
    for place, count in asked:
        found.setdefault(count, []).append(place)
    return found


def test_the_parabola_is_the_least_squares_fit_of_each_problem() -> None:
    each = torch.rand(6, 9, generator=torch.Generator().manual_seed(0)).double()
    grid = [0.3, 0.5, 0.6, 0.9, 1.0, 1.6]
    found = smoothed(grid, [worth_of(row) for row in each])
    for problem in range(9):
        by_numpy = np.polyval(np.polyfit(grid, each[:, problem].numpy(), 2), grid)
        assert [float(x.each[problem]) for x in found if x.each is not None] == pytest.approx(by_numpy.tolist())
    assert found[2].value == pytest.approx(float(np.polyval(np.polyfit(grid, each.mean(1).numpy(), 2), 0.6)))
    assert found[2].standard_error == pytest.approx(stdev(found[2].each.tolist()) / 3)  # type: ignore[union-attr]


def test_a_parabola_and_three_temperatures_are_their_own_fit() -> None:
    exact = torch.tensor([[1 - (t - 0.8) ** 2, 0.5 * t] for t in GRID]).double()
    assert [x.value for x in smoothed(GRID, [worth_of(row) for row in exact])] == pytest.approx(
        exact.mean(1).tolist(), abs=1e-6
    )
    three = torch.rand(3, 5).double()
    fitted = smoothed([0.3, 1.1, 1.2], [worth_of(row) for row in three])
    assert torch.stack([x.each for x in fitted if x.each is not None]).sub(three).abs().max() < 1e-12


def test_one_round_is_enough_where_problems_agree() -> None:
    """Every problem is worth the same: no error at all, so the best one is left alone."""
    table = Table(torch.tensor([[1 - (t - 0.9) ** 2] for t in GRID]).expand(-1, 50))
    curve, chosen = table.run(first=5, worth=0.0)
    assert GRID[chosen.place] == 0.9
    assert rounds(table.asked) == {5: list(range(14))}
    assert [worth.problems for worth in curve] == [5] * 14


def test_equal_temperatures_are_not_pursued_and_the_nearest_is_kept() -> None:
    table = Table(torch.rand(1, 40, generator=torch.Generator().manual_seed(1)).expand(14, -1))
    _, chosen = table.run(first=5, worth=0.0, current=1.1)
    assert GRID[chosen.place] == 1.1
    assert table.sampled == 14 * 5


def test_rounds_double_and_at_most_half_go_on() -> None:
    """Noise about one value: who goes on is chance, how many is not, and what they cost is bounded."""
    table = Table(torch.rand(14, 200, generator=torch.Generator().manual_seed(2)))
    curve, chosen = table.run(first=10, worth=0.0)
    by_count = rounds(table.asked)
    assert list(by_count) == [10, 20, 40, 80, 160, 200][: len(by_count)]
    sizes = [len(places) for places in by_count.values()]
    assert all(len(set(places)) == len(places) for places in by_count.values())  # nobody is asked twice
    assert all(size <= bound for size, bound in zip(sizes, [14, 7, 4, 2, 2, 2], strict=False))
    groups = list(by_count.values())
    assert all(set(later) <= set(sooner) for sooner, later in zip(groups, groups[1:], strict=False))
    assert table.sampled <= 14 * 10 + 7 * 10 + 4 * 20 + 2 * 160
    assert [worth.problems for worth in curve] == [dict(table.asked)[place] for place in range(14)]
    assert chosen.place in groups[-1]
    assert set(chosen.close) <= set(groups[-1])


def test_few_problems_are_all_judged_at_once() -> None:
    table = Table(torch.rand(14, 6, generator=torch.Generator().manual_seed(3)))
    table.run(first=15, worth=0.0)
    assert rounds(table.asked) == {6: list(range(14))}


def test_what_is_worth_less_than_asked_for_ends_the_race() -> None:
    """Two temperatures, 0.1 apart on half of the problems: 0.05 with an error of 0.05 / sqrt(7), in the first round."""
    each = torch.tensor([[0.5] * 16, [0.5, 0.6] * 8])
    error = 0.05 * math.sqrt(8 / 7) / math.sqrt(8)
    for worth, problems in ((0.06 + error, 8), (0.0, 8)):
        table = Table(each)
        assert table.run(first=8, worth=worth)[1].place == 1
        assert table.sampled == 2 * problems  # 0.05 is beyond the error: the lower one is dropped at once
    wide = torch.tensor([[0.5] * 16, [0.3, 0.8] * 8])  # 0.05 with an error of 0.094: not beyond it
    error = 0.25 * math.sqrt(8 / 7) / math.sqrt(8)
    sampled = []
    for worth in (0.05 + error + 1e-6, 0.05 + error - 1e-6):
        table = Table(wide)
        table.run(first=8, worth=worth)
        sampled.append(table.sampled)
    assert sampled == [16, 32]


def test_the_significant_rule_never_loses_the_current_temperature_by_half() -> None:
    """It is the lowest of four, not beyond the error: it goes on beside the best two, and is kept in the end."""
    generator = torch.Generator().manual_seed(0)
    each = 0.5 + torch.randn(4, 64, generator=generator)
    each += torch.tensor([0.0, 0.02, 0.04, 0.06])[:, None] - each.mean(1, keepdim=True)
    for rule, kept in (("argmax", 3), ("significant", 0)):
        table = Table(each)
        chosen = table.run(first=32, worth=0.0, current=0.3, rule=rule)[1]
        assert chosen.place == kept, rule


def test_the_significant_rule_takes_the_highest_once_the_current_temperature_is_beaten() -> None:
    """Of three, the current one is far below; the nearer of the others is lower than the last, not beyond the error."""
    each = 0.5 + torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    each[:, 32:] = each[:, :32]  # the first problems again: what holds after the first round holds after the second
    each += torch.tensor([-5.0, 0.02, 0.04])[:, None] - each.mean(1, keepdim=True)
    table = Table(each)
    assert table.run(first=32, worth=0.0, current=0.3, rule="significant")[1] == Choice(2, "the highest", [1, 2])
    assert rounds(table.asked) == {32: [0, 1, 2], 64: [1, 2]}


def test_problems_without_a_value_somewhere_are_not_compared() -> None:
    each = torch.tensor([[0.2, 0.2, 0.2, math.nan], [0.3, 0.3, math.nan, 0.0]])
    table = Table(each)
    curve, chosen = table.run(first=4, worth=0.0)
    assert chosen.place == 1
    assert [worth.problems for worth in curve] == [4, 4]
    nothing = Table(torch.tensor([[0.2, math.nan] * 4, [math.nan, 0.3] * 4]))
    assert nothing.run(first=2, worth=0.0, current=0.3)[1].place == 0
    assert rounds(nothing.asked) == {2: [0, 1], 4: [0, 1], 8: [0, 1]}


CURVES = {  # the logit of being right, and the share of the work that a race may take
    "flat": ([0.0 * t for t in GRID], 0.26),
    "peaked": ([-6 * (t - 0.8) ** 2 for t in GRID], 0.15),
    "slope": ([-1.5 * t for t in GRID], 0.18),
    "a plateau, then a fall": ([-4 * max(t - 1.1, 0) for t in GRID], 0.22),
}


@pytest.mark.parametrize("kind", CURVES)
def test_it_takes_what_is_within_one_error_of_the_best_for_a_fraction_of_the_work(kind: str) -> None:
    """200 races over 150 problems of their own, each problem right with a chance of its own.

    All temperatures on all problems, the best that there is, is good in 94% where the curve is steep at the end of the
    grid, as on the slope. If a race were good in only 85%, 200 of them would be good 182 times with a chance of 0.9%.
    """
    logits, bound = CURVES[kind]
    generator = torch.Generator().manual_seed(0)
    good, shares = 0, []
    for repeat in range(200):
        ease = 1.5 * torch.randn(150, generator=generator)
        chance = torch.sigmoid(0.5 + ease + torch.tensor(logits)[:, None])
        right = torch.rand(4, *chance.shape, generator=generator) < chance
        each = right[:2].any(0).double()  # one of two is right
        truth = (1 - (1 - chance) ** 2).mean(1)
        table = Table(each)
        place = table.run(first=16, worth=0.02, current=GRID[repeat % 14])[1].place
        best = int(truth.argmax())
        good += bool(truth[best] - truth[place] <= (each[best] - each[place]).std() / math.sqrt(150))
        shares.append(table.sampled / (14 * 150))
    assert good >= 182
    assert fmean(shares) < bound
