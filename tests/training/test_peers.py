from __future__ import annotations

import subprocess
import sys

import pytest

from lit_mstar.training.peers import Watch


def ended(code: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code])
    process.wait()
    return process


def test_a_rank_that_ended_well_is_no_death():
    watch = Watch("again")
    watch.children = [ended("pass")]
    assert watch.death() is None


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("raise SystemExit(3)", "ended with exit code 3"),
    ],
)
def test_a_death_names_rank_process_and_manner(code: str, how: str):
    watch = Watch("again")
    watch.children = [ended("pass"), ended(code)]
    assert watch.death() == f"Rank 2 (process {watch.children[1].pid}) {how}"


def test_another_parent_means_that_rank_zero_died(monkeypatch: pytest.MonkeyPatch):
    watch = Watch("again")
    watch.parent = 1 << 30  # no process has this number
    assert watch.death() == f"Rank 0 or its launcher (process {1 << 30}) died"


def test_an_error_of_ones_own_is_not_explained_by_a_death():
    watch = Watch("again")
    watch.children = [ended("raise SystemExit(3)")]
    watch.over()
    watch.start()
    assert not watch.explains(ValueError("batch_size is 0"))


def test_what_is_said_is_said_once(capsys: pytest.CaptureFixture[str]):
    watch = Watch("lit-mstar fit --ckpt_path last")
    watch.say("Rank 1 died")
    watch.say("Rank 1 died")
    line = "Rank 1 died; this rank cannot go on without it. To go on: lit-mstar fit --ckpt_path last\n"
    assert capsys.readouterr().err == line
