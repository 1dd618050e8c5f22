"""What a study is: a YAML file that says everything before the first result is seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from lit_mstar.studies.nouns import Finding, Plan, Quantity, Table

Override = dict[str, dict[str, Any]]  # by stage: a config laid over the recipe's, as a second --config would be


@dataclass(frozen=True, kw_only=True)
class Study:
    """A base recipe and its variants.

    Args:
        title: What is varied.
        recipe: Folder of the base recipe, from the study's file.
        variants: Configs laid over stages of the recipe; a variant without any is the recipe itself.
        common: The same for all variants, below their own.
        seeds: How many seeds, from 0 on; `--seeds` overrides it.
        tables: What is compared.
        curves: Metrics of iterations that are drawn.
        over_n: Metrics that are drawn over N, as `majority` for `majority/N=1`, `majority/N=2`, …
        findings: What is looked for.
        plan: What the number of seeds is for.
        note: What the reader should know.
    """

    title: str
    recipe: str
    variants: dict[str, Override | None]
    common: Override = field(default_factory=dict)
    seeds: int = 3
    tables: list[Table] = field(default_factory=list)
    curves: list[str] = field(default_factory=list)
    over_n: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    note: str = ""

    def __post_init__(self) -> None:
        if not self.variants or self.seeds < 1:
            raise ValueError(f"A study needs variants and seeds; this has {len(self.variants)} and {self.seeds}.")
        if not 0 < self.plan.power < 1 or self.plan.difference <= 0:
            raise ValueError(
                f"plan.power is {self.plan.power} and plan.difference {self.plan.difference}; they must be between 0 "
                "and 1, and above 0."
            )
        for name in (name for quantity in self.quantities() for name in quantity.variants or [""]):
            if name not in self.variants:
                raise ValueError(f"{name!r} is no variant of the study; it has {', '.join(self.variants)}.")
        for finding in self.findings:
            if not finding.less:
                raise ValueError(f"Finding {finding.claim!r} names nothing that is less: anything would show it.")
            if finding.difference is not None and finding.difference <= 0:
                raise ValueError(f"Finding {finding.claim!r} has difference {finding.difference}; it must be above 0.")
        for table in self.tables:
            if table.reference not in self.rows(table):
                raise ValueError(f"Table {table.title!r} has no line {table.reference!r} to compare with.")

    def rows(self, table: Table) -> dict[str, Quantity]:
        """A table's lines."""
        return table.rows or {name: Quantity(variant=name, metric=table.metric) for name in self.variants}

    def quantities(self) -> list[Quantity]:
        """All that tables and findings name."""
        named = [quantity for table in self.tables for quantity in self.rows(table).values()]
        ceilings = [finding.ceiling for finding in self.findings if finding.ceiling]
        named += [quantity for ceiling in ceilings for quantity in (ceiling.more, ceiling.less)]
        return named + [quantity for finding in self.findings for quantity in (finding.more, *finding.less)]


def read_study(file: Path) -> Study:
    """Reads and checks a study's file.

    Raises:
        ValueError: If it is not there, or not what it should be; the message says where.
    """
    if not file.is_file():
        raise ValueError(f"{file}: no such study; name a YAML file such as configs/studies/temperature.yaml.")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Study, "study")
    try:
        raw = dict(yaml.safe_load(file.read_text()))
        # Without the overrides, whose classes are for the stages to make, not for us.
        bare: dict[str, Any] = {"variants": dict.fromkeys(raw["variants"])} if raw.get("variants") else {}
        parsed = parser.parse_object({"study": raw | bare | {"common": {}}})
        study: Study = parser.instantiate(parsed).study
        return replace(study, variants=dict(raw["variants"]), common=dict(raw.get("common") or {}))
    except Exception as error:
        raise ValueError(f"{file}: {error}") from error
