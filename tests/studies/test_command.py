from __future__ import annotations

import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import yaml

from lit_mstar.studies.command import main
from lit_mstar.studies.definition import read_study
from lit_mstar.studies.plan import plan
from lit_mstar.studies.results import Result, read_results, write_results
from support.small_stage import output_until
from support.small_study import EVOLVE, write_study
from support.zygote import popen

TESTS = Path(__file__).parents[1]


def arguments(file: Path, store: Path) -> list[str]:
    return [str(file), "--seeds", "2", "--jobs", "2", "--store", str(store), "--out", str(store / "out")]


def start(file: Path, store: Path, **environment: str) -> subprocess.Popen[str]:
    """Starts the study in a process group of its own; what it prints ends when the last of the group has ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "lit_mstar", "study", *arguments(file, store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)} | environment,
    )


def logs(store: Path) -> str:
    return "\n".join(log.read_text()[-2000:] for log in store.glob("mini/*/*/log.txt"))


def timeless(store: Path) -> list[Result]:
    """What was measured, without how long it took."""
    results = read_results(store / "out/heat.json")
    assert all(result.metrics["minutes"] > 0 for result in results)
    return [replace(result, metrics={k: v for k, v in result.metrics.items() if k != "minutes"}) for result in results]


def stages(store: Path) -> list[str]:
    return sorted(f"{folder.parent.name}/{folder.name.rpartition('-')[0]}" for folder in store.glob("mini/*/*"))


def models(store: Path) -> dict[Path, bytes]:
    """The weights that the last stages made, by their files."""
    return {file.relative_to(store): file.read_bytes() for file in store.glob(f"mini/*/{EVOLVE}-*/model/*.safetensors")}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def finished(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a study to which nothing happened."""
    store, said = tmp_path_factory.mktemp("finished"), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
        main(arguments(file, store))
    assert "6 stages, 0 complete; 2 at a time." in said.getvalue()
    assert (store / "out/heat.md").read_text() in said.getvalue()
    return store


@pytest.mark.slow
def test_two_variants_share_a_warmup_for_each_seed(finished: Path):
    assert stages(finished) == [f"seed={s}/{name}" for s in (0, 1) for name in ("1-warmup", EVOLVE, EVOLVE)]
    results = timeless(finished)
    assert [(result.variant, result.seed) for result in results] == [("warm", 0), ("hot", 0), ("warm", 1), ("hot", 1)]
    for result in results:
        assert [row["iteration"] for row in result.iterations] == [0, 1]
        temperature = 1.0 if result.variant == "warm" else 2.0
        assert [(row["sampled"], row["temperature"]) for row in result.iterations] == [(48, temperature)] * 2
    assert len({*models(finished).values()}) == 4  # a seed and a temperature make a difference
    assert {path.name for path in (finished / "out").iterdir()} == {
        *("heat.md", "heat.json", "heat-1.png", "heat-claims.png", "heat-iterations.png")
    }


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do_and_writes_the_same(
    file: Path, finished: Path, capsys: pytest.CaptureFixture[str]
):
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in finished.glob("**/*") if path.is_file()}
    main(arguments(file, finished))
    assert "6 stages, 6 complete; 2 at a time." in capsys.readouterr().out
    for path, (changed, content) in before.items():
        assert path.read_bytes() == content, path
        assert path.parent.name == "out" or path.stat().st_mtime_ns == changed, path


@pytest.mark.slow
def test_stopped_and_killed_in_its_last_stages_it_ends_with_the_same_results(
    file: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    store, pipe = tmp_path / "store", tmp_path / "pipe"
    shutil.copytree(finished, store)
    shutil.rmtree(store / "out")
    for folder in store.glob(f"mini/seed=0/{EVOLVE}-*"):  # two of four last stages: the other seed's would take longer
        shutil.rmtree(folder)
    os.mkfifo(pipe)
    meeting = os.open(pipe, os.O_RDWR)  # never at its end, though writers come and go

    def until_both_train() -> subprocess.Popen[str]:
        process = start(file, store, MEETING=str(pipe))
        output_until(process, "6 stages, 4 complete; 2 at a time.")
        for _ in range(2):  # each of the two stages, as it is in the midst of its second iteration
            ready, _, _ = select.select([meeting, process.stdout], [], [])
            assert ready == [meeting], logs(store)  # it prints nothing unless a stage ends
            assert os.read(meeting, 1) == b"!"
        return process

    process = until_both_train()
    process.terminate()
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert f"Stopped. To go on: {shlex.join(['lit-mstar', 'study', *arguments(file, store)])}" in output
    assert len([*store.glob(f"mini/seed=0/{EVOLVE}-*/checkpoints/preempted.ckpt")]) == 2
    assert not (store / "out").exists()

    process = until_both_train()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not [*store.glob(f"mini/seed=0/{EVOLVE}-*/summary.json")]

    os.close(meeting)

    monkeypatch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
    main(arguments(file, store))
    assert "6 stages, 4 complete; 2 at a time." in capsys.readouterr().out
    assert stages(store) == stages(finished)
    assert timeless(store) == timeless(finished)
    assert models(store) == models(finished)


@pytest.mark.slow
def test_stages_that_fail_are_named_with_their_logs_and_stop_only_what_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
    (tmp_path / "mini").mkdir()
    for name in ("1-x", "2-y"):
        (tmp_path / f"mini/{name}.yaml").write_text(f"trainer: {{default_root_dir: runs/mini/{name}}}")
    variants = {name: {"1-x": {"trainer": {f"no_{name}_option": 1}}} for name in ("such", "other")}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"title": "T", "recipe": "mini", "variants": variants}))
    with pytest.raises(SystemExit) as error:
        main([str(tmp_path / "study.yaml"), "--seeds", "1", "--store", str(tmp_path / "store")])
    found = [*tmp_path.glob("store/mini/seed=0/*/log.txt")]  # of the first stages: the second were not begun
    first, second, *named = str(error.value).splitlines()
    assert first == f"{tmp_path / 'study.yaml'} has no page yet: not all of its runs are complete."
    assert second.startswith("Stages failed; their logs say why")
    assert sorted(named) == sorted(f"  {log}" for log in found)
    messages = "".join(log.read_text() for log in found)
    assert len(found) == 2
    assert all(f"no_{name}_option" in messages for name in variants)


@pytest.mark.slow
def test_one_study_s_failure_keeps_no_other_from_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini/1-x.yaml").write_text("trainer: {default_root_dir: runs/mini}")
    table = {"title": "Test accuracy", "reference": "a"}
    for name, tables in (("whole", [table]), ("partly", [table]), ("mistaken", [{**table, "metric": "nothing"}])):
        variants = {"a": None, "b": {"1-x": {"trainer": {"max_epochs": 5}}}} if name == "partly" else {"a": None}
        study = {"title": name, "recipe": "mini", "variants": variants, "tables": tables}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(study))
    files = [tmp_path / f"{name}.yaml" for name in ("partly", "mistaken", "whole")]
    for run in plan(read_study(files[2]), tmp_path / "mini", tmp_path / "store", 1):
        run.stages[0].folder.mkdir(parents=True)
        (run.stages[0].folder / "summary.json").write_text('{"test_accuracy": 0.25, "seconds": 60}')
    with pytest.raises(SystemExit) as error:
        main([*map(str, files), "--seeds", "1", "--store", str(tmp_path / "store")])
    lines = str(error.value).splitlines()
    assert lines[0] == f"{files[0]} has no page yet: not all of its runs are complete."
    assert lines[1].startswith(f"{files[1]}: ")
    assert "nothing" in lines[1]
    assert lines[2].startswith("Stages failed")
    assert "| a | 25.0 ± – | (reference) |" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "store").glob("*.md")} == {"whole.md"}


def test_power_is_told_from_what_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    claim = {"claim": "b is better", "more": {"variant": "b"}, "less": [{"variant": "a"}]}
    study = {"title": "T", "recipe": "none", "variants": {"a": None, "b": None}, "findings": [claim]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    asked = [str(tmp_path / "study.yaml"), "--power", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="study.json is not there: run the study first, with --out"):
        main(asked)
    accuracies = {"a": [0.50, 0.50, 0.50], "b": [0.52, 0.54, 0.56]}
    results = [
        Result(variant=name, seed=seed, metrics={"test_accuracy": value})
        for name, column in accuracies.items()
        for seed, value in enumerate(column)
    ]
    write_results(tmp_path / "study.json", results[:3], {})
    with pytest.raises(SystemExit, match="study.json: 'b' did not measure 'test_accuracy'; it measured nothing"):
        main(asked)
    write_results(tmp_path / "study.json", results, {})
    main(asked)
    # s = 0.02, as large as what matters: ten seeds see it with 80% power, as tables of the paired t-test say.
    assert "| b - a (test_accuracy) | 3 | 2.0 | – | – | 6.5 | 2.0: 10 |" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--seeds", "--jobs"])
def test_too_few_seeds_or_jobs_are_refused(option: str, file: Path):
    with pytest.raises(SystemExit, match=f"argument {option}: 0 is too few; at least 1"):
        main([str(file), option, "0"])


def test_a_study_that_is_not_there_ends_the_command(tmp_path: Path):
    with pytest.raises(SystemExit, match="none.yaml does not exist"):
        main([str(tmp_path / "none.yaml")])
