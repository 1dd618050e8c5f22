from __future__ import annotations

import re
from pathlib import Path

import pytest

from lit_mstar.studies.definition import Study, read_study
from lit_mstar.studies.nouns import Ceiling, Finding, Plan, Quantity, Table

BASE = """
title: Heat
recipe: ../quickstart
variants: {cold: null, hot: {4-evolve: {data: {init_args: {sampling: {temperature: 2}}}}}}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "heat.yaml"
    file.write_text(text)
    return file


def test_a_study_is_read_as_it_is_written(tmp_path: Path):
    more = """
common: {4-evolve: {trainer: {max_epochs: 2}}}
seeds: 5
tables:
  - {title: Accuracy, reference: cold}
  - {title: Both, reference: a, metric: gap, percent: false, rows: {a: {variant: cold}, b: {variant: hot, metric: m}}}
curves: [kept]
findings:
  - {claim: it helps, more: {variant: hot}, less: [{variant: cold, metric: kept/last}]}
  - claim: it may
    more: {variant: [hot, cold]}
    less: [{variant: cold}]
    ceiling: {more: {variant: hot}, less: {variant: cold}}
    difference: 0.5
    percent: false
plan: {difference: 0.01, power: 0.9, stopping: After four., basis: By the runs before.}
note: Read this.
"""
    heat = {"4-evolve": {"data": {"init_args": {"sampling": {"temperature": 2}}}}}
    rows = {"a": Quantity(variant="cold"), "b": Quantity(variant="hot", metric="m")}
    assert read_study(write(tmp_path, BASE + more)) == Study(
        title="Heat",
        recipe="../quickstart",
        variants={"cold": None, "hot": heat},
        common={"4-evolve": {"trainer": {"max_epochs": 2}}},
        seeds=5,
        tables=[
            Table(title="Accuracy", reference="cold"),
            Table(title="Both", reference="a", metric="gap", percent=False, rows=rows),
        ],
        curves=["kept"],
        findings=[
            Finding(
                claim="it helps",
                more=Quantity(variant="hot", metric="test_accuracy"),
                less=[Quantity(variant="cold", metric="kept/last")],
            ),
            Finding(
                claim="it may",
                more=Quantity(variant=["hot", "cold"]),
                less=[Quantity(variant="cold")],
                ceiling=Ceiling(more=Quantity(variant="hot"), less=Quantity(variant="cold")),
                difference=0.5,
                percent=False,
            ),
        ],
        plan=Plan(difference=0.01, power=0.9, stopping="After four.", basis="By the runs before."),
        note="Read this.",
    )


def test_what_is_left_out_has_its_default(tmp_path: Path):
    study = read_study(write(tmp_path, BASE))
    assert (study.common, study.seeds, study.tables, study.curves, study.findings) == ({}, 3, [], [], [])
    table = Table(title="T", reference="cold", metric="gap")
    assert study.rows(table) == {name: Quantity(variant=name, metric="gap") for name in ("cold", "hot")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE + "sedes: 3", "does not accept option 'sedes'"),
        (BASE + "seeds: many", "Expected a <class 'int'>. Got value: many"),
        (BASE + "seeds: 0", "A study needs variants and seeds; this has 2 and 0."),
        (BASE + "tables: [{title: T, reference: cold, rows: {cold: {variant: warm}}}]", "'warm' is no variant"),
        (BASE + "findings: [{claim: C, more: {variant: warm}, less: [{variant: hot}]}]", "it has cold, hot."),
        (BASE + "findings: [{claim: C, more: {variant: hot}, less: [{variant: warm}]}]", "'warm' is no variant"),
        (BASE + "findings: [{claim: C, more: {variant: hot}, less: []}]", "'C' names nothing that is less"),
        (BASE + "findings: [{claim: C, more: {variant: [hot, warm]}, less: [{variant: hot}]}]", "'warm' is no variant"),
        (BASE + "findings: [{claim: C, more: {variant: []}, less: [{variant: hot}]}]", "'' is no variant"),
        (
            BASE + "findings: [{claim: C, more: {variant: hot}, less: [{variant: cold}], ceiling: "
            "{more: {variant: warm}, less: {variant: hot}}}]",
            "'warm' is no variant",
        ),
        (
            BASE + "findings: [{claim: C, more: {variant: hot}, less: [{variant: cold}], difference: 0}]",
            "Finding 'C' has difference 0",
        ),
        (BASE + "plan: {power: 1.0}", "plan.power is 1.0 and plan.difference 0.02"),
        (BASE + "plan: {difference: 0}", "plan.power is 0.8 and plan.difference 0"),
        (BASE + "plan: {seeds: 4}", "does not accept option 'plan.seeds'"),
        (BASE + "tables: [{title: T, reference: warm}]", "Table 'T' has no line 'warm' to compare with."),
        (BASE + "variants: {}", "this has 0 and 3."),
        ("title: Heat", "arguments are required: study.recipe, study.variants"),
        ("title: [", "expected the node content"),
    ],
)
def test_a_mistake_is_named_with_its_file(text: str, message: str, tmp_path: Path):
    file = write(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_study(file)
    assert str(error.value).startswith(f"{file}: ")


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(ValueError, match="none.yaml: no such study; name a YAML file"):
        read_study(tmp_path / "none.yaml")
