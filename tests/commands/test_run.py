from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from lit_mstar.commands.claim import Claim
from lit_mstar.commands.run import run
from lit_mstar.commands.stage_run import StageRun
from support.engines import SMALL_ENGINE
from support.recipes import QUICKSTART, SIZES, write_miniature
from support.servers import ServerProcess
from support.zygote import popen


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's own configs, shrunk."""
    return write_miniature(tmp_path_factory.mktemp("recipes") / "quickstart")


def command(recipe: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "lit_mstar", "run", str(recipe), "--out", str(out), "--seed", "3"]


def run_forked(recipe: Path, out: Path, overlays: Sequence[Path] = ()) -> str:
    """Runs a recipe from this process, each stage in one that starts at once; returns what was printed."""
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
        run(recipe, out, seed=3, overlays=overlays)
    return said.getvalue()


@pytest.fixture(scope="module")
def finished(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "mini"
    assert "test accuracy" in run_forked(miniature, out)
    return out


@pytest.mark.slow
def test_the_quickstart_in_miniature_leaves_what_it_promises(finished: Path):
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["seed"] == 3
    assert list(summary["stages"]) == ["1-warmup", "2-annotate", "3-prm", "4-evolve"]
    assert summary["test_accuracy_after"] == summary["stages"]["4-evolve"]["test_accuracy"]
    assert 0 <= summary["prm"]["step_auroc"] <= 1
    assert [row["iteration"] for row in summary["iterations"]] == [0, 1]
    for row in summary["iterations"]:
        assert row["sampled"] == 4 * SIZES["train"] / 4  # n = 4, a quarter of the problems
        assert row["sampled"] >= row["correct"] >= row["kept"] > 0
        assert row["pass_at_k"] >= row["reward_pass_at_2"]
    for file in ("3-prm/model/prm_head.safetensors", "4-evolve/model/config.json", "4-evolve/checkpoints/last.ckpt"):
        assert (finished / file).is_file()


@pytest.mark.slow
def test_the_ledger_agrees_with_the_summary(finished: Path):
    rows = pq.read_table(finished / "4-evolve/rollouts/iteration=0001/rollouts.parquet", partitioning=None).to_pylist()
    row = json.loads((finished / "summary.json").read_text())["iterations"][1]
    assert (len(rows), sum(r["correct"] for r in rows), sum(r["selected"] for r in rows)) == (
        row["sampled"],
        row["correct"],
        row["kept"],
    )
    assert all(r["score"] == pytest.approx(min(r["step_scores"])) for r in rows)


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(miniature: Path, finished: Path, capsys: pytest.CaptureFixture[str]):
    before = {path: path.stat().st_mtime_ns for path in finished.glob("*/**/*")}
    run(miniature, finished, seed=3)
    assert capsys.readouterr().out.count("complete, nothing to do") == 4
    assert {path: path.stat().st_mtime_ns for path in finished.glob("*/**/*")} == before


KILLER = """
import os, signal
from lightning.pytorch import Callback
class Killer(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:  # iteration 1 is sampled, not yet trained on
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_killed_in_a_stage_it_resumes_that_stage_to_the_same_result(miniature: Path, finished: Path, tmp_path: Path):
    deadly = tmp_path / miniature.name
    shutil.copytree(miniature, deadly)
    (tmp_path / "killer.py").write_text(KILLER)
    stage = yaml.safe_load((deadly / "4-evolve.yaml").read_text())
    stage["trainer"]["callbacks"].append({"class_path": "killer.Killer"})
    (deadly / "4-evolve.yaml").write_text(yaml.safe_dump(stage))
    out = tmp_path / "mini"
    shutil.copytree(finished, out, ignore=shutil.ignore_patterns("4-evolve"))

    killed = subprocess.run(command(deadly, out), capture_output=True, text=True, cwd=tmp_path)
    assert f"ended with exit code {-signal.SIGKILL}" in killed.stderr
    run_forked(miniature, out)
    ours, theirs = (json.loads((folder / "summary.json").read_text()) for folder in (out, finished))
    assert ours["iterations"] == theirs["iterations"]
    model = "4-evolve/model/model.safetensors"
    assert (out / model).read_bytes() == (finished / model).read_bytes()


def test_a_folder_without_stages_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="has no stage configs"):
        run(tmp_path, tmp_path / "out")


def test_another_runs_folder_is_refused(tmp_path: Path):
    (tmp_path / "1-x.yaml").write_text("trainer: {default_root_dir: runs/x/1-x}")
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text(json.dumps({"recipe": "other", "seed": 0}))
    with pytest.raises(ValueError, match="holds recipe other with seed 0, not .* choose another --out"):
        run(tmp_path, out)


@pytest.fixture
def complete(tmp_path: Path) -> tuple[Path, Path]:
    """A recipe of three stages and a run of it, as processes would have left it; the last was broken off."""
    recipe, out = tmp_path / "recipe", tmp_path / "out"
    recipe.mkdir()
    for name in ("1-a", "2-b", "3-c"):
        config = {"trainer": {"default_root_dir": f"runs/x/{name}", "max_epochs": 2}, "model": {"lr": 0.1}}
        (recipe / f"{name}.yaml").write_text(yaml.safe_dump(config))
        config["trainer"]["default_root_dir"] = str(out / name)
        (out / name).mkdir(parents=True)
        (out / name / "stage.yaml").write_text(yaml.safe_dump(config))
        if name != "3-c":
            (out / name / "summary.json").write_text(json.dumps({"seconds": 1.0}))
    return recipe, out


def edit(recipe: Path, name: str, *path: str, to: Any) -> None:
    config = yaml.safe_load((recipe / f"{name}.yaml").read_text())
    config[path[0]][path[1]] = to
    (recipe / f"{name}.yaml").write_text(yaml.safe_dump(config))


def run_recording(
    recipe: Path, out: Path, monkeypatch: pytest.MonkeyPatch, leaving: dict[str, Any] | None = None, **options: Any
) -> list[str]:
    """Runs a recipe whose stages do nothing but leave a summary; returns the names of those that were started."""
    started: list[str] = []

    def complete_at_once(stage: StageRun, children: Any) -> int:
        started.append(stage.name)
        stage.folder.mkdir(exist_ok=True)
        (stage.folder / "summary.json").write_text(json.dumps(leaving or {"seconds": 1.0}))
        return 0

    monkeypatch.setattr(StageRun, "run", complete_at_once)
    run(recipe, out, **options)
    return started


def test_an_unchanged_recipe_goes_on_where_it_was(complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    assert run_recording(*complete, monkeypatch) == ["3-c"]


def test_a_changed_complete_stage_is_named_and_not_run_unasked(
    complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    recipe, out = complete
    edit(recipe, "2-b", "model", "lr", to=0.2)
    with pytest.raises(ValueError, match="^2-b: complete, and run with other settings.*--rerun"):
        run_recording(recipe, out, monkeypatch)
    said = capsys.readouterr().out
    assert "2-b was run with other settings, and stays as it is:\n  model.lr: 0.1 -> 0.2\n" in said
    assert run_recording(recipe, out, monkeypatch, rerun=True) == ["2-b", "3-c"]
    assert json.loads((out / "2-b.replaced-1/summary.json").read_text()) == {"seconds": 1.0}
    assert (out / "3-c.replaced-1/stage.yaml").exists()
    assert (out / "1-a/stage.yaml").exists()


def test_a_changed_unfinished_stage_goes_on_and_says_so(
    complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    recipe, out = complete
    edit(recipe, "3-c", "trainer", "max_epochs", to=3)
    assert run_recording(recipe, out, monkeypatch) == ["3-c"]
    said = capsys.readouterr().out
    assert "3-c was run with other settings, and goes on with the new:\n  trainer.max_epochs: 2 -> 3\n" in said
    assert "resuming in" in said


def test_a_run_that_was_moved_is_the_same(complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    recipe, out = complete
    moved = out.rename(out.with_name("elsewhere"))
    assert run_recording(recipe, moved, monkeypatch) == ["3-c"]


def test_an_overlay_is_a_change_too(complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "more.yaml").write_text("trainer: {max_epochs: 5}")
    with pytest.raises(ValueError, match="^1-a, 2-b: complete"):
        run_recording(*complete, monkeypatch, overlays=[tmp_path / "more.yaml"])


def test_where_a_stage_runs_is_no_change(complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    edit(complete[0], "1-a", "trainer", "devices", to=4)
    assert run_recording(*complete, monkeypatch) == ["3-c"]


def test_a_pointless_stage_stops_the_recipe_unless_told_to_go_on(
    complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    (complete[1] / "2-b/summary.json").unlink()
    nothing = {"seconds": 1.0, "test_accuracy": 0.0, "test_problems": 400}
    with pytest.raises(ValueError, match="^2-b: none of 400 test problems.*--go-on"):
        run_recording(*complete, monkeypatch, leaving=nothing)
    (complete[1] / "2-b/summary.json").unlink()
    assert run_recording(*complete, monkeypatch, leaving=nothing, go_on=True) == ["2-b", "3-c"]
    (complete[1] / "3-c/summary.json").unlink()
    assert run_recording(*complete, monkeypatch, leaving=nothing) == ["3-c"]  # nothing comes after it


def test_two_runs_of_one_folder_are_refused(complete: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    (claim := Claim()).hold(complete[1])
    with pytest.raises(ValueError, match="another process works there"):
        run_recording(*complete, monkeypatch)
    claim.release()
    assert run_recording(*complete, monkeypatch) == ["3-c"]


@pytest.mark.slow
def test_a_failing_stage_ends_the_run_with_its_exit_code_and_has_only_overlays_that_fit_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "1-x.yaml").write_text("trainer: {default_root_dir: runs/x/1-x}")  # without a model
    for name, text in (("sampler", "model: {init_args: {sampler: {}}}"), ("devices", "trainer: {devices: 2}")):
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        run_forked(tmp_path, tmp_path / "out", [tmp_path / "sampler.yaml", tmp_path / "devices.yaml"])
    assert ended.value.code == 2
    assert "Stage 1-x ended with exit code 2" in capsys.readouterr().err
    laid = [yaml.safe_load(file.read_text()) for file in (tmp_path / "out/1-x").glob("overlay-*")]
    assert laid == [{"trainer": {"devices": 2}}]


def test_a_missing_overlay_is_refused(miniature: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="nowhere.yaml: there is no such file"):
        run(miniature, tmp_path / "out", overlays=[tmp_path / "nowhere.yaml"])


def run_with(sampler: str, changes: dict[str, Any], miniature: Path, folder: Path) -> str:
    """Runs the miniature with an overlay of `configs/samplers`; returns the last stage's whole config."""
    config = yaml.safe_load((QUICKSTART.parent / f"samplers/{sampler}.yaml").read_text())
    config["model"]["init_args"]["sampler"]["init_args"] |= changes
    overlay = folder / f"{sampler}.yaml"
    overlay.write_text(yaml.safe_dump(config))
    out = folder / "mini"  # may hold finished stages already
    run_forked(miniature, out, [overlay])
    summary = json.loads((out / "summary.json").read_text())
    assert [row["sampled"] for row in summary["iterations"]] == [SIZES["train"]] * 2
    return (out / "4-evolve/config.yaml").read_text()


@pytest.mark.slow
@pytest.mark.vllm
def test_the_miniature_runs_unchanged_with_vllm(miniature: Path, finished: Path, tmp_path: Path):
    for stage in ("1-warmup", "3-prm"):  # an engine annotates and evolves; what it leaves alone was seen before
        shutil.copytree(finished / stage, tmp_path / "mini" / stage)
    config = run_with("vllm", {"engine": SMALL_ENGINE}, miniature, tmp_path)
    assert "lit_mstar.samplers.VLLMSampler" in config


@pytest.mark.slow
@pytest.mark.vllm
def test_the_last_stage_runs_unchanged_with_a_server(miniature: Path, finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path / "mini", ignore=shutil.ignore_patterns("4-evolve", "run.json"))
    (tmp_path / "mini/2-annotate/stage.yaml").unlink()  # it was run without the server
    server = ServerProcess(finished / "1-warmup/model")  # the architecture counts, not the weights
    try:
        config = run_with("vllm_server", {"urls": [server.url], "check": "always"}, miniature, tmp_path)
    finally:
        server.kill()
    assert "lit_mstar.samplers.VLLMServerSampler" in config
