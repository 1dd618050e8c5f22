from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.sharing.exported import find_exported
from support.reported import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "runs" / "tiny")
    for stage, files in (
        ("1-warmup", ["config.json"]),
        ("3-prm", ["config.json", "prm_head.safetensors"]),
        ("4-evolve", ["adapter_config.json"]),
    ):
        (folder / stage / "model").mkdir()
        for name in files:
            (folder / stage / "model" / name).write_text("{}")
    (folder / "2-annotate" / "steps").mkdir(parents=True)
    (folder / "2-annotate" / "config.yaml").write_text("{}")
    (folder / "2-annotate" / "steps" / "train-00000.parquet").write_text("")
    return folder


def test_a_runs_last_policy_is_meant(run: Path):
    found = find_exported(run)
    assert (found.kind, found.folder) == ("policy", run / "4-evolve" / "model")
    assert found.run is not None
    assert found.run.title == "tiny, seed 0"


@pytest.mark.parametrize(
    ("what", "stage", "folder"),
    [("policy", "4-evolve", "model"), ("prm", "3-prm", "model"), ("steps", "2-annotate", "steps")],
)
def test_each_kind_is_found_in_a_run_a_stage_and_by_its_folder(run: Path, what, stage: str, folder: str):
    for path, asked in ((run, what), (run / stage, None), (run / stage / folder, None), (run / stage / folder, what)):
        found = find_exported(path, asked)
        assert (found.kind, found.folder) == (what, run / stage / folder)
        assert found.stage is not None
        assert found.stage.name == stage


def test_a_folder_that_stands_alone_has_no_run(tmp_path: Path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    found = find_exported(tmp_path / "m")
    assert (found.kind, found.run, found.stage) == ("policy", None, None)


def test_what_is_not_there_is_named_with_what_is(run: Path):
    with pytest.raises(ValueError, match=r"4-evolve has no prm to export: there is policy in .*4-evolve/model"):
        find_exported(run / "4-evolve", "prm")
    with pytest.raises(ValueError, match="holds a policy, no prm"):
        find_exported(run / "1-warmup" / "model", "prm")
    for stage in ("1-warmup", "4-evolve"):
        for file in (run / stage / "model").iterdir():
            file.unlink()
    with pytest.raises(ValueError, match="has no policy to export"):
        find_exported(run, "policy")


def test_other_peoples_steps_are_steps(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.jsonl").write_text("{}")
    for path in (tmp_path / "data", tmp_path / "data/train.jsonl"):
        assert (find_exported(path).kind, find_exported(path).folder) == ("steps", path)
