from __future__ import annotations

from lit_mstar.studies.claims import claims, powers
from lit_mstar.studies.definition import Study
from lit_mstar.studies.nouns import Ceiling, Finding, Quantity
from lit_mstar.studies.results import Result
from lit_mstar.studies.verdicts import judge

# Three seeds with s = 0.1 have the margin 4.3027 · 0.1 / √3 = 0.2484; of four comparisons, 8.860 takes 4.3027's place.
VALUES = {"cold": ([0.4, 0.5, 0.6], [10.0, 11.0, 12.0]), "hot": ([0.3, 0.3, 0.3], [13.0, 13.0, 13.0])}
RUNS = [
    Result(variant=name, seed=seed, metrics={"test_accuracy": accuracy, "kept": kept})
    for name, columns in VALUES.items()
    for seed, (accuracy, kept) in enumerate(zip(*columns, strict=True))
]
COLD, HOT = (Quantity(variant=name) for name in ("cold", "hot"))
KEPT = Quantity(variant="hot", metric="kept")
BEST = Quantity(variant=["cold", "hot"])
STUDY = Study(
    title="Heat",
    recipe="r",
    variants={"cold": None, "hot": None},
    findings=[
        Finding(claim="cold is better", more=COLD, less=[HOT], ceiling=Ceiling(more=BEST, less=HOT)),
        Finding(claim="many are kept", more=KEPT, less=[HOT, COLD], percent=False, difference=1.0),
        Finding(claim="hot is no worse", more=HOT, less=[BEST]),
    ],
)


def test_claims_line_by_line():
    assert claims(judge(STUDY, RUNS)).splitlines()[2:] == [
        "| cold is better | **untestable** | cold - hot (test_accuracy): +20.0 ± 24.8 (51.2) | 4% | +20.0 ± 24.8 |",
        "| many are kept | **seen** | kept - test_accuracy (hot): +12.700 ± 0.000 (0.000)<br>"
        "kept (hot) - test_accuracy (cold): +12.500 ± 0.248 (0.512) | 100%<br>100% | – |",
        "| hot is no worse | **undecided** | "
        "hot - the best of cold, hot (test_accuracy): -20.0 ± 24.8 (51.2) | 4% | – |",
    ]


def test_powers_line_by_line():
    assert powers(STUDY, judge(STUDY, RUNS)).splitlines()[2:] == [
        "| cold - hot (test_accuracy) | 3 | 10.0 | – | – | 32.6 | 2.0: 199 |",
        "| kept - test_accuracy (hot) | 3 | 0.000 | – | – | 0.000 | 1.000: 2 |",
        "| kept (hot) - test_accuracy (cold) | 3 | 0.100 | – | – | 0.326 | 1.000: 3 |",
        "| hot - the best of cold, hot (test_accuracy) | 3 | 10.0 | – | – | 32.6 | 2.0: 199 |",
    ]


def test_a_single_seed_has_no_power():
    first = [run for run in RUNS if run.seed == 0]
    assert "| cold - hot (test_accuracy) | 1 | – | – | – | – | 2.0: – |" in powers(STUDY, judge(STUDY, first))
    assert "+10.0 ± – (–)" in claims(judge(STUDY, first))
