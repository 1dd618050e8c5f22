from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lit_mstar.files import atomic, first_line, missing_input, stage_command


class Crash(Exception):
    pass


def test_a_new_file_appears_when_the_block_ends(tmp_path: Path):
    file = tmp_path / "a" / "b" / "file.txt"
    with atomic(file) as partial:
        partial.write_text("new")
        assert not file.exists()
        assert partial.parent == file.parent  # on the same disk, so that renaming is one step
    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("no such file", "no such file"),
        ("\n  bad value\nmore of it", "bad value"),
        ("Failed:\n  File x, line 1\nKeyError: 'a'\n", "Failed: KeyError: 'a'"),
        ("Failed:", "Failed:"),
        ("", "OSError"),
    ],
)
def test_the_first_line_of_an_error_says_something(said: str, first: str):
    assert first_line(OSError(said)) == first


def test_an_old_file_is_replaced(tmp_path: Path):
    file = tmp_path / "file.txt"
    file.write_text("old")
    with atomic(file) as partial:
        partial.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"


def crash_while_writing(path: Path, name: str) -> None:
    with atomic(path) as partial:
        file = partial / name if name else partial
        file.parent.mkdir(exist_ok=True)
        file.write_text("half of the n")
        raise Crash


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    file = tmp_path / "file.txt"
    file.write_text("old")
    with pytest.raises(Crash):
        crash_while_writing(file, "")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_before_anything_is_written_leaves_nothing(tmp_path: Path):
    with pytest.raises(Crash), atomic(tmp_path / "file.txt"):
        raise Crash
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_whole(tmp_path: Path):
    folder = tmp_path / "model"
    for names in (["a", "b"], ["b", "c"]):
        with atomic(folder) as partial:
            partial.mkdir()
            for name in names:
                (partial / name).write_text("".join(names))
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"b": "bc", "c": "bc"}
    assert list(tmp_path.iterdir()) == [folder]


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("old")
    with pytest.raises(Crash):
        crash_while_writing(folder, "weights")
    assert list(tmp_path.iterdir()) == [folder]
    assert (folder / "weights").read_text() == "old"


def test_an_unfinished_file_looks_like_no_data_file(tmp_path: Path):
    with atomic(tmp_path / "part-1.parquet") as partial:
        partial.write_text("")
        assert partial.name.startswith(".")
        assert partial.suffix == ".partial"


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("runs/digits/1-warmup/model", "lit-mstar fit --config configs/digits/1-warmup.yaml"),
        ("/data/runs/math/2-annotate/steps/train.parquet", "lit-mstar annotate --config configs/math/2-annotate.yaml"),
        ("runs/digits/3-reward/model/config.json", "lit-mstar fit --config configs/digits/3-reward.yaml"),
        ("runs/digits/4-evolve/rollouts", "lit-mstar fit --config configs/digits/4-evolve.yaml"),
    ],
)
def test_the_stage_and_command_that_make_an_input_are_named(path: str, command: str):
    message = missing_input(path, "a model")
    assert message.startswith(f"{path} is not a model. Stage {command.split('/')[-1].removesuffix('.yaml')} makes it")
    assert f"`{command}`" in message


@pytest.mark.parametrize("path", ["models/mine", "/data/2024/models/mine", "/mnt/1/models/mine"])
def test_no_stage_is_made_up_for_other_paths(path: str):
    message = missing_input(path, "a model")
    assert message.startswith(f"{path} is not a model. Correct the path")
    assert "--config" not in message


def test_only_annotate_stages_annotate():
    stages = ["1-warmup", "2-annotate", "3-annotated", "annotate", "4-evolve"]
    assert [stage_command(stage) for stage in stages] == ["fit", "annotate", "fit", "fit", "fit"]


def test_a_folder_stays_where_nothing_was_written_in_its_place(tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("old")
    with pytest.raises(FileNotFoundError), atomic(folder):
        pass
    assert (folder / "weights").read_text() == "old"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_files_may_be_read_by_whom_the_umask_lets(mask: int, mode: int, tmp_path: Path):
    before = os.umask(mask)
    try:
        with atomic(tmp_path / "folder") as partial:
            (partial / "inner").mkdir(parents=True)
            save_file({"x": torch.ones(1)}, partial / "inner/x.safetensors")  # which writes for the owner alone
        with atomic(tmp_path / "file") as partial:
            os.close(os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    for name in ("folder/inner/x.safetensors", "file"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
