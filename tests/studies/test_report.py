from __future__ import annotations

from lit_mstar.studies.claims import POWER, RULES
from lit_mstar.studies.definition import Study
from lit_mstar.studies.nouns import Finding, Plan, Quantity, Table
from lit_mstar.studies.report import page
from lit_mstar.studies.results import Result

# Three seeds with s = 0.1 have the margin 4.3027 · 0.1 / √3 = 0.2484; where all differ by the same, it is 0.
COLD, HOT = [0.4, 0.5, 0.6], [0.3, 0.3, 0.3]


def runs(seeds: int) -> list[Result]:
    return [
        Result(variant=name, seed=seed, metrics={"test_accuracy": accuracy, "kept": 10.0 + seed, "minutes": minutes})
        for name, values, minutes in (("cold", COLD, 1.5), ("hot", HOT, 2.04))
        for seed, accuracy in enumerate(values[:seeds])
    ]


def study(*findings: Finding) -> Study:
    rows = {"few": Quantity(variant="cold", metric="kept"), "hot": Quantity(variant="hot", metric="kept")}
    return Study(
        title="Heat",
        recipe="r",
        variants={"cold": None, "hot": None},
        tables=[
            Table(title="Accuracy", reference="cold"),
            Table(title="Kept", reference="few", percent=False, rows=rows),
        ],
        findings=list(findings),
        note="Read this.",
        plan=Plan(basis="By the runs before."),
    )


EXPECTED = f"""\
# Heat

Read this.

Mean ± 95% interval (Student's t) over seeds 0, 1, 2; differences by seed. Minutes are those of the last \
stage, and of its last process where it was interrupted.

## Accuracy

| | mean, % | against cold | minutes |
|---|---|---|---|
| cold | 50.0 ± 24.8 | (reference) | 1.5 |
| hot | 30.0 ± 0.0 | -20.0 ± 24.8 | 2.0 |

## Kept

| | mean | against few | minutes |
|---|---|---|---|
| few | 11.000 ± 2.484 | (reference) | 1.5 |
| hot | 11.000 ± 2.484 | +0.000 ± 0.000 | 2.0 |

## What is claimed

{RULES}

| claim | here | differences | power | ceiling |
|---|---|---|---|---|
| cold is better | **undecided** | cold - hot (test_accuracy): +20.0 ± 24.8 (24.8) | 4% | – |

## Power

{POWER}

| | seeds | sd | of runs | of test problems | seen with 80% power | seeds needed for |
|---|--:|--:|--:|--:|--:|--:|
| cold - hot (test_accuracy) | 3 | 10.0 | – | – | 32.6 | 2.0: 199 |

Planned: When all seeds are run, whatever they show.

By the runs before.

![heat-1.png](heat-1.png)

![heat-2.png](heat-2.png)

## How it was made
- command: lit-mstar study heat.yaml
- versions: torch 2.9, lit-mstar 0.1
- hours of all runs: 0.5
"""


def test_a_page_letter_by_letter():
    accuracy = {name: Quantity(variant=name) for name in ("cold", "hot")}
    claim = Finding(claim="cold is better", more=accuracy["cold"], less=[accuracy["hot"]])
    versions = {"torch": "2.9", "lit-mstar": "0.1"}
    about = {"command": "lit-mstar study heat.yaml", "versions": versions, "hours of all runs": 0.5}
    assert page(study(claim), runs(3), about, ["heat-1.png", "heat-2.png"]) == EXPECTED


def test_a_single_seed_has_means_and_no_intervals():
    text = page(study(), runs(1), {}, [])
    assert "over seeds 0;" in text
    assert "| cold | 40.0 ± – | (reference) | 1.5 |" in text
    assert "| hot | 30.0 ± – | -10.0 ± – | 2.0 |" in text
    assert "claimed" not in text
