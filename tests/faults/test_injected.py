"""One fault each, in a run of the real command; then the same run goes on to what it would have been."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.small_stage import RESULTS, Process, Start, fault, launch_annotation, output_until

pytestmark = pytest.mark.slow


def assert_same_results(run: Path, expected: Path) -> None:
    for name in RESULTS:
        assert (run / name).read_bytes() == (expected / name).read_bytes(), name


def end(process: Process, timeout: float | None = None) -> str:
    """What else it prints, until it and all its children, who share its output, have ended."""
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def resume(start: Start, run: Path, **trainer: Any) -> str:
    process = start(run, **trainer)
    output = end(process)
    assert process.returncode == 0, output[-3000:]
    return output


@pytest.mark.parametrize(
    ("hook", "resumed"),
    [("on_sampling_start", "last.ckpt"), ("on_train_epoch_end", "starting from the beginning")],
    ids=["ledger", "checkpoint"],
)
def test_a_full_disk_ends_the_run_and_spoils_nothing(
    hook: str, resumed: str, start: Start, finished: Path, tmp_path: Path
):
    process = start(tmp_path / "run", fault("FullDisk", hook))
    output = end(process)
    assert process.returncode == 2
    assert "File too large" in output
    assert "Free some space; the same command goes on." in output
    assert resumed in resume(start, tmp_path / "run")
    assert_same_results(tmp_path / "run", finished)


def test_a_truncated_part_of_the_ledger_is_moved_aside_and_sampled_again(start: Start, finished: Path, tmp_path: Path):
    run = tmp_path / "run"
    assert end(start(run, fault("Kill", "on_rollouts_sampled")))  # sampled, not yet rewarded
    part = max((run / "rollouts/iteration=0001").glob("part-*"), key=lambda file: file.stat().st_size)
    os.truncate(part, part.stat().st_size // 2)
    assert part.name in resume(start, run)  # a warning names it
    assert_same_results(run, finished)


@pytest.mark.parametrize("lost", ["deleted", "truncated", "all truncated"])
def test_without_its_newest_checkpoint_a_run_goes_on_from_the_next(
    lost: str, start: Start, finished: Path, tmp_path: Path
):
    run = tmp_path / "run"
    end(start(run, fault("Kill", "on_train_batch_start", epoch=2)))
    last, next_one = run / "checkpoints/last.ckpt", run / "checkpoints/epoch=1-step=8.ckpt"
    assert next_one.exists()
    if lost == "deleted":
        last.unlink()
    for file in {"truncated": [last], "all truncated": [last, next_one]}.get(lost, []):
        os.truncate(file, file.stat().st_size // 2)
    output = resume(start, run)
    expected = {
        "deleted": f"has no last.ckpt; resuming from {next_one}",
        "truncated": f"resuming from {next_one}",
        "all truncated": "starting from the beginning",
    }
    assert expected[lost] in output
    assert ("last.ckpt is no whole file" in output) == (lost != "deleted")
    assert_same_results(run, finished)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_sampling_start"], ids=["training", "barrier"])
@pytest.mark.parametrize("rank", [0, 1])
def test_when_a_rank_is_killed_the_others_end_and_say_who_died(rank: int, hook: str, start: Start, tmp_path: Path):
    process = start(tmp_path / "run", fault("Kill", hook, rank=rank), devices=2, strategy="ddp")
    output_until(process, "FAULT")
    output = end(process, timeout=60)  # from the death on; to the end of the last process
    assert process.returncode == (-signal.SIGKILL if rank == 0 else 1)
    died = "Rank 0 or its launcher" if rank == 0 else "Rank 1"
    assert died in output
    assert "To go on: lit-mstar fit --config" in output
    assert (tmp_path / "run/checkpoints/last.ckpt").is_file()


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_sampling_start"], ids=["training", "sampling"])
@pytest.mark.parametrize(("kind", "name"), [("Terminate", "SIGTERM"), ("Interrupt", "Ctrl-C")])
def test_a_signal_ends_a_stage_well_and_it_goes_on(
    kind: str, name: str, hook: str, start: Start, finished: Path, tmp_path: Path
):
    run = tmp_path / "run"
    process = start(run, fault(kind, hook))
    output = end(process)
    assert process.returncode == 0, output[-3000:]
    assert "Traceback" not in output
    assert f"Stopped by {name}. To go on: lit-mstar fit --config {run / 'stage.yaml'} --ckpt_path last" in output
    assert not (run / "summary.json").exists()
    resume(start, run)
    assert_same_results(run, finished)


def test_a_second_interrupt_ends_a_stage_at_once_and_it_goes_on(start: Start, finished: Path, tmp_path: Path):
    run = tmp_path / "run"
    process = start(run, fault("Interrupt", "on_train_batch_end", times=2))
    output = end(process)
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in output
    assert not (run / "checkpoints/preempted.ckpt").exists()
    resume(start, run)
    assert_same_results(run, finished)


def test_a_sigterm_ends_all_ranks_well(start: Start, tmp_path: Path):
    run = tmp_path / "run"
    process = start(run, fault("Terminate", "on_train_batch_end"), devices=2, strategy="ddp")
    output_until(process, "FAULT")
    output = end(process, timeout=60)
    assert process.returncode == 0, output[-3000:]
    assert output.count("Stopped by SIGTERM") == 1
    assert (run / "checkpoints/preempted.ckpt").is_file()


@pytest.mark.parametrize("to", ["run", "stage", "all, by Ctrl-C"])
def test_a_signal_ends_a_recipe_well_before_its_next_stage(to: str, start: Start, tmp_path: Path):
    recipe = tmp_path / "recipe"
    happening = "Terminate" if to == "stage" else "Say"
    process = start(tmp_path / "runs/1-evolve", fault(happening, "on_train_batch_end"), recipe=recipe)
    output_until(process, "FAULT")
    if to == "run":
        process.terminate()
    elif to != "stage":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output = end(process, timeout=120)
    assert process.returncode == 0, output[-3000:]
    assert f"Stopped in stage 1-evolve. To go on: lit-mstar run {recipe}" in output
    assert "[2/2]" not in output
    assert not (tmp_path / "runs/2-next").exists()


def test_a_sigterm_ends_annotation_well_and_it_goes_on(tiny_folder: Path, tmp_path: Path):
    steps = tmp_path / "run/steps"
    process = launch_annotation(tiny_folder, tmp_path / "run", fault("Say", "on_predict_batch_start", epoch=0))
    output_until(process, "FAULT")  # the first of three batches begins
    process.terminate()
    output = end(process, timeout=120)
    assert process.returncode == 0, output[-3000:]
    assert f"To go on: lit-mstar annotate --config {tmp_path / 'run/stage.yaml'}" in output
    assert not (tmp_path / "run/summary.json").exists()
    again = launch_annotation(tiny_folder, tmp_path / "run")
    output = end(again)
    assert again.returncode == 0, output[-3000:]
    assert [file.name for file in sorted(steps.iterdir())] == [f"train-{k:05d}.parquet" for k in range(3)]
