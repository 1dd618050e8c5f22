from __future__ import annotations

import math

import pytest
from scipy import stats

from lit_mstar.studies.definition import Study
from lit_mstar.studies.intervals import estimate
from lit_mstar.studies.nouns import Ceiling, Finding, Plan, Quantity
from lit_mstar.studies.results import Result
from lit_mstar.studies.verdicts import judge

ONE = [1.0, 1.1, 0.9]
BASE, ORACLE, FLOOR = (Quantity(variant=name, metric="m") for name in ("base", "oracle", "floor"))


def study(*findings: Finding, difference: float = 0.5) -> Study:
    names = {q.variant for f in findings for q in (f.more, *f.less)} | {"oracle", "floor"}
    return Study(
        title="T",
        recipe="r",
        variants=dict.fromkeys(sorted(names)),
        findings=list(findings),
        plan=Plan(difference=difference),
    )


def results(**values: list[float]) -> list[Result]:
    return [
        Result(variant=name, seed=seed, metrics={"m": value})
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]], "seen"),  # larger than both
        ([[0.0, 0.0, 0.0], [3.0, 3.0, 3.0]], "the opposite"),  # smaller than one
        ([[0.0, 0.0, 0.0], [0.0, 3.0, 1.0]], "undecided"),  # larger than one, and who knows of the other
        ([[9.0, 0.0, 0.0], [3.0, 3.0, 3.0]], "the opposite"),  # smaller than one, and who knows of the other
        ([[1.0, 1.1, 0.9], [0.0, 0.0, 0.0]], "not seen"),  # as large: half a point would have shown
        ([[0.8, 0.9, 0.3]], "undecided"),  # 0.333 ± 0.574: it may be half a point, it may be none
        ([[0.8, 0.8, 0.6]], "seen"),  # 0.267 ± 0.143: alone, it needs no correction
        ([[0.8, 0.8, 0.6], [0.0, 0.0, 0.0]], "seen, uncorrected"),  # ± 0.206 is still above zero …
    ],
)
def test_verdicts(values: list[list[float]], verdict: str):
    names = "bcd"[: len(values)]
    runs = results(base=ONE, **dict(zip(names, values, strict=True)))
    less = [Quantity(variant=name, metric="m") for name in names]
    (judged,) = judge(study(Finding(claim="claim", more=BASE, less=less)), runs)
    expected = [estimate([ours - theirs for ours, theirs in zip(ONE, column, strict=True)]) for column in values]
    assert [comparison.gap for comparison in judged.comparisons] == expected
    if verdict == "seen, uncorrected":  # … but not if six others are looked at, too
        others = [Finding(claim="other", more=BASE, less=less)] * 3
        judged = judge(study(Finding(claim="claim", more=BASE, less=less), *others), runs)[0]
    assert judged.verdict == verdict


def test_the_correction_counts_all_comparisons_of_the_study():
    runs = results(base=ONE, b=[0.8, 0.9, 0.3], c=[0.0, 0.0, 0.1])
    b, c = (Quantity(variant=name, metric="m") for name in "bc")
    first, second = judge(
        study(Finding(claim="one", more=BASE, less=[b, c]), Finding(claim="two", more=b, less=[c])), runs
    )
    sd = math.sqrt(stats.tvar(first.comparisons[0].gaps))
    assert first.comparisons[0].corrected.margin == pytest.approx(stats.t.ppf(1 - 0.025 / 3, 2) * sd / math.sqrt(3))
    assert first.comparisons[0].corrected.mean == first.comparisons[0].gap.mean
    assert second.comparisons[0].corrected.margin > second.comparisons[0].gap.margin


@pytest.mark.parametrize(
    ("oracle", "verdict"),
    [
        ([1.0, 1.2, 0.9], "untestable"),  # not even the oracle can be told from the floor
        ([3.0, 3.1, 3.0], "undecided"),  # much could be gained
    ],
)
def test_what_cannot_matter_cannot_be_tested(oracle: list[float], verdict: str):
    runs = results(base=ONE, b=[0.8, 0.9, 0.3], oracle=oracle, floor=ONE)
    less = [Quantity(variant="b", metric="m")]
    ceiling = Ceiling(more=ORACLE, less=FLOOR)
    (judged,) = judge(study(Finding(claim="claim", more=BASE, less=less, ceiling=ceiling)), runs)
    assert judged.verdict == verdict
    assert judged.ceiling == estimate([a - b for a, b in zip(oracle, ONE, strict=True)])


def test_what_is_seen_is_seen_below_any_ceiling():
    runs = results(base=ONE, b=[0.0, 0.0, 0.0], oracle=ONE, floor=ONE)
    less, ceiling = [Quantity(variant="b", metric="m")], Ceiling(more=ORACLE, less=FLOOR)
    assert judge(study(Finding(claim="c", more=BASE, less=less, ceiling=ceiling)), runs)[0].verdict == "seen"


def test_a_claim_s_own_least_difference_comes_before_the_plan_s():
    runs, less = results(base=ONE, b=ONE), [Quantity(variant="b", metric="m")]
    findings = [Finding(claim="c", more=BASE, less=less, difference=worth) for worth in (None, 0.25)]
    assert [judged.worth for judged in judge(study(*findings, difference=0.75), runs)] == [0.75, 0.25]


def test_a_single_seed_decides_nothing():
    (judged,) = judge(
        study(Finding(claim="c", more=BASE, less=[Quantity(variant="b", metric="m")])), results(base=[2.0], b=[1.0])
    )
    assert judged.verdict == "undecided"
    assert judged.comparisons[0].power == 0
