"""Writes docs/backbones.md from the checks on the zoo: `pytest tests/models/test_zoo.py --backbones FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from models.zoo import ZOO
from models.zoo.table import Outcome, write_table


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--backbones", type=Path, help="the file that the table of architectures and checks is written to")


class Table:
    """Collects what became of each check."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.outcomes: dict[tuple[str, str], Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _, _, rest = report.nodeid.partition("::test_architecture[")
        name = next((name for name in sorted(ZOO, key=len, reverse=True) if rest.startswith(f"{name}-")), None)
        if name is None or (report.when != "call" and report.passed):
            return
        xfail = getattr(report, "wasxfail", "")
        reason = xfail.removeprefix("reason: ") if isinstance(xfail, str) else ""
        kind = "known" if reason else ("skipped" if report.skipped else "passed" if report.passed else "failed")
        self.outcomes[name, rest.removeprefix(f"{name}-").removesuffix("]")] = Outcome(kind, reason)

    def pytest_sessionfinish(self, session: Any) -> None:
        if not hasattr(session.config, "workerinput"):  # one of several processes would know its own part only
            write_table(self.file, self.outcomes)


def pytest_configure(config: pytest.Config) -> None:
    if file := config.getoption("--backbones", None):
        config.pluginmanager.register(Table(file), "backbones-table")
