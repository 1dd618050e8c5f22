from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.report.page import write
from lit_mstar.report.run import find_run
from lit_mstar.report.single import page_of
from support.reported import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="session")
def page_file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    write(page_of(find_run(run)), file)
    return file


@pytest.fixture(scope="module")  # as long as it is open, an event loop runs, which other files' tests would trip over
def browser() -> Iterator[Any]:
    """Chromium, as the system has it."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None and "CI" in os.environ:
        pytest.fail("There is no Chromium; .ci/run installs it.")
    if found is None:
        pytest.skip("There is no Chromium on this machine.")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()
