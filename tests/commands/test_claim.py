"""A folder belongs to one run and one process; what is finished is replaced only on request, and then moved aside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonargparse import Namespace

from lit_mstar.commands.claim import Claim, aside, holds_run, place
from support.commands import lit_mstar, sft_config


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".claim")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("file", "state"),
    [
        ("summary.json", "a finished run"),
        ("checkpoints/last.ckpt", "a run that was broken off"),
        ("rollouts/iteration=0000/part-0.parquet", "a run that was broken off"),
    ],
)
def test_a_run_is_refused_gone_on_with_or_moved_aside(
    file: str, state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text("{}")
    with pytest.raises(ValueError, match=f"run holds {state}.*--ckpt_path last.*--out.*--overwrite true"):
        Claim().take(folder, resumes=False)
    (claim := Claim()).take(folder, resumes=True)
    claim.release()
    assert tree(folder) == {file: b"{}"}
    claim.take(folder, resumes=False, overwrite=True)
    assert tree(folder) == {}
    assert tree(tmp_path / "run.replaced-1") == {file: b"{}"}
    assert "it is now " + str(tmp_path / "run.replaced-1") in capsys.readouterr().out
    assert aside(folder) == tmp_path / "run.replaced-2"


def test_the_current_folder_is_not_moved_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("summary.json").write_text("{}")
    with pytest.raises(ValueError, match="cannot be moved aside; give another: --out"):
        Claim().take(Path("."), resumes=False, overwrite=True)
    assert (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("file", ["stage.yaml", "config.yaml", "log.txt", "test/summary.json"])
def test_what_is_no_run_is_no_hindrance(file: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    assert not holds_run(tmp_path)
    Claim().take(tmp_path, resumes=False)


def test_a_second_process_is_refused_until_the_first_has_died(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lit_mstar.commands.claim import Claim\n"
        "claim = Claim(); claim.take(Path(sys.argv[1]), False); print('mine', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        for resumes in (False, True):
            with pytest.raises(ValueError, match="another process works there"):
                Claim().take(tmp_path, resumes)
        os.kill(other.pid, signal.SIGKILL)
        assert other.wait() == -signal.SIGKILL
        Claim().take(tmp_path, resumes=False)


def described(root: str) -> Namespace:
    checkpoint = Namespace(dirpath=f"{root}/checkpoints", monitor="val/accuracy")
    filtered = Namespace(prm="runs/x/3-prm/model")
    callbacks = [Namespace(class_path="C", init_args=checkpoint), Namespace(class_path="F", init_args=filtered)]
    logger = Namespace(class_path="L", init_args=Namespace(save_dir=Path(root), name=""))
    trainer = Namespace(default_root_dir=root, logger=logger, callbacks=callbacks, max_epochs=3)
    model = Namespace(init_args=Namespace(folder=f"{root}/steps", backbone={"path": f"{root}/model"}))
    return Namespace(trainer=trainer, model=model, ckpt_path=f"{root}/checkpoints/last.ckpt")


def outputs(config: Namespace) -> list[str]:
    trainer = config.trainer
    found = [trainer.default_root_dir, trainer.logger.init_args.save_dir, trainer.callbacks[0].init_args.dirpath]
    return [str(path) for path in found]


@pytest.mark.parametrize("root", ["runs/x/4-evolve", "runs/x/4-evolve/", "./runs/x/4-evolve"])
@pytest.mark.parametrize("command", ["fit", "annotate", "test"])
def test_out_moves_what_is_written_and_nothing_that_is_read(root: str, command: str) -> None:
    config = described(root)
    place(config, command, "elsewhere/run")
    assert outputs(config) == ["elsewhere/run", "elsewhere/run", "elsewhere/run/checkpoints"]
    assert isinstance(config.trainer.logger.init_args.save_dir, Path)
    assert config.trainer.callbacks[1].init_args.prm == "runs/x/3-prm/model"
    assert config.ckpt_path == f"{root}/checkpoints/last.ckpt"
    assert config.model.init_args.backbone == {"path": f"{root}/model"}
    moved = "elsewhere/run/steps" if command == "annotate" else f"{root}/steps"
    assert config.model.init_args.folder == moved


def test_a_folder_whose_name_begins_alike_is_another() -> None:
    config = described("runs/x/4")
    config.trainer.callbacks[1].init_args.prm = "runs/x/40/model"
    place(config, "fit", "out")
    assert config.trainer.callbacks[1].init_args.prm == "runs/x/40/model"


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_measuring_a_run_writes_into_a_folder_of_its_own(command: str, tmp_path: Path) -> None:
    config = described(str(tmp_path))
    place(config, command, None)
    assert outputs(config)[0] == str(tmp_path)  # there is no run yet
    (tmp_path / "summary.json").write_text("{}")
    place(config, "fit", None)
    assert outputs(config)[0] == str(tmp_path)
    place(config, command, None)
    assert outputs(config) == [str(tmp_path / command)] * 2 + [str(tmp_path / command / "checkpoints")]


@pytest.mark.slow
def test_the_command_leaves_a_finished_run_as_it_is(tmp_path: Path, tiny_folder: Path) -> None:
    config = tmp_path / "stage.yaml"
    config.write_text(yaml.safe_dump(sft_config(tiny_folder)))
    fit = ["fit", "--config", str(config)]
    assert lit_mstar(tmp_path, *fit).returncode == 0
    before = tree(tmp_path / "run")
    refused = lit_mstar(tmp_path, *fit)
    assert refused.returncode == 2
    assert "run holds a finished run" in refused.stderr.splitlines()[0]
    checkpoint = next((tmp_path / "run/checkpoints").glob("*.ckpt"))
    for command in ("validate", "test", "predict"):
        done = lit_mstar(tmp_path, command, "--config", str(config), "--ckpt_path", str(checkpoint))
        assert done.returncode == 0, done.stderr
    after = tree(tmp_path / "run")
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} <= {"validate", "test", "predict"}

    assert lit_mstar(tmp_path, *fit, "--out", "other").returncode == 0
    summary, other = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("run", "other"))
    assert other["checkpoint"].startswith("other/checkpoints/")
    assert other["test_accuracy"] == summary["test_accuracy"]
    assert (tmp_path / "other/model/model.safetensors").read_bytes() == before["model/model.safetensors"]

    assert lit_mstar(tmp_path, *fit, "--overwrite", "true").returncode == 0
    assert tree(tmp_path / "run.replaced-1")["model/model.safetensors"] == before["model/model.safetensors"]
    assert (tmp_path / "run/summary.json").exists()
