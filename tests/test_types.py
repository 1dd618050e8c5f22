"""All three folders, as the one package that they install as, pass mypy's strict checks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_types_are_right(tmp_path: Path):
    package = tmp_path / "lit_mstar"
    for source, target in (("lit_mstar", package), ("data", package / "data"), ("callbacks", package / "callbacks")):
        shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "lit_mstar"]
    environment = os.environ | {"MYPYPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert re.search(r"no issues found in \d{3} source files", done.stdout)  # more than a hundred
