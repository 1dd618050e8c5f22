from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_recipe_killed_in_the_stages_that_sample_ends_as_if_nothing_had_happened():
    command = [
        sys.executable,
        str(TESTS / "faults/driver.py"),
        "--kills",
        "2",
        "--seed",
        "112",
    ]  # 25 of all stages: nox -s faults
    environment = os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert "Everything is bit-identical to the uninterrupted run." in done.stdout
