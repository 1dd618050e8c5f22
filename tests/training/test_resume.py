from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar.training.resume import checkpoint_folders, defect, newest_whole, require_readable, resume_point
from lit_mstar.training.trainer import MStarTrainer


def save(path: Path, steps: int, seconds: float) -> Path:
    """A checkpoint file, written so many seconds after the epoch."""
    torch.save({"global_step": steps, "state_dict": {"w": torch.arange(1000.0)}}, path)
    os.utime(path, (seconds, seconds))
    return path


def shard(folder: Path, seconds: float) -> Path:
    """A sharded checkpoint: two parts, then torch's index, then Lightning's head."""
    folder.mkdir()
    for second, name in enumerate(("__0_0.distcp", "__1_0.distcp", ".metadata")):
        (folder / name).write_bytes(b"part")
        os.utime(folder / name, (seconds + second, seconds + second))
    save(folder / "meta.pt", steps=9, seconds=seconds + 3)
    return folder


def truncate(path: Path, share: float = 0.5) -> Path:
    stat = path.stat()
    os.truncate(path, int(stat.st_size * share))
    os.utime(path, (stat.st_mtime, stat.st_mtime))
    return path


def trainer(folder: Path) -> MStarTrainer:
    keep = ModelCheckpoint(dirpath=folder, save_last=True)
    return MStarTrainer(accelerator="cpu", logger=False, callbacks=[keep], enable_progress_bar=False)


def test_of_whole_checkpoints_the_one_written_last_is_taken_not_the_one_that_went_furthest(tmp_path: Path):
    save(tmp_path / "epoch=19.ckpt", steps=500, seconds=100)  # of an earlier run in the same folder
    newest = save(tmp_path / "last.ckpt", steps=25, seconds=200)
    assert newest_whole([tmp_path]) == (newest, {})


def test_equally_old_ones_are_told_apart_by_their_steps(tmp_path: Path):
    further = save(tmp_path / "a.ckpt", steps=50, seconds=100)
    save(tmp_path / "b.ckpt", steps=25, seconds=100)
    assert newest_whole([tmp_path]) == (further, {})


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_passed_over_and_named(share: float, tmp_path: Path):
    whole = save(tmp_path / "epoch=3.ckpt", steps=20, seconds=100)
    torn = truncate(save(tmp_path / "last.ckpt", steps=25, seconds=200), share)
    found, passed = newest_whole([tmp_path])
    assert (found, list(passed)) == (whole, [torn])
    assert f"last.ckpt is no whole file ({torn.stat().st_size} bytes)" in passed[torn]


def test_a_file_that_torch_cannot_read_is_not_whole(tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "last.ckpt", "w") as archive:
        archive.writestr("something", "else")
    assert defect(tmp_path / "last.ckpt") == "last.ckpt cannot be read (RuntimeError)"


def test_a_sharded_checkpoint_is_whole_with_head_index_and_no_newer_part(tmp_path: Path):
    checkpoint = shard(tmp_path / "last.ckpt", seconds=100)
    assert newest_whole([tmp_path]) == (checkpoint, {})


@pytest.mark.parametrize("name", ["meta.pt", ".metadata"])
def test_a_sharded_checkpoint_without_head_or_index_is_not_whole(name: str, tmp_path: Path):
    checkpoint = shard(tmp_path / "last.ckpt", seconds=100)
    (checkpoint / name).unlink()
    assert defect(checkpoint) == f"{name} missing: its writing was cut off"


def test_a_sharded_checkpoint_with_a_newer_part_was_cut_off_while_overwritten(tmp_path: Path):
    checkpoint = shard(tmp_path / "last.ckpt", seconds=100)
    os.utime(checkpoint / "__1_0.distcp", (200, 200))
    assert defect(checkpoint) == "parts newer than .metadata: its overwriting was cut off"


def test_the_trainer_warns_of_what_it_passes_over(tmp_path: Path):
    whole = save(tmp_path / "epoch=3.ckpt", steps=20, seconds=100)
    torn = truncate(save(tmp_path / "last.ckpt", steps=25, seconds=200))
    with pytest.warns(UserWarning, match=f"{torn}: last.ckpt is no whole file .*resuming from {whole}"):
        assert resume_point(trainer(tmp_path)) == str(whole)


def test_the_trainer_warns_when_the_last_one_was_deleted(tmp_path: Path):
    whole = save(tmp_path / "epoch=3.ckpt", steps=20, seconds=100)
    with pytest.warns(UserWarning, match=f"has no last.ckpt; resuming from {whole}"):
        assert resume_point(trainer(tmp_path)) == str(whole)


def test_if_all_are_torn_the_trainer_says_that_it_starts_anew(tmp_path: Path):
    truncate(save(tmp_path / "last.ckpt", steps=25, seconds=200))
    with pytest.warns(UserWarning, match="starting from the beginning"):
        assert resume_point(trainer(tmp_path)) is None


def test_where_nothing_was_saved_the_trainer_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level("INFO"):
        assert resume_point(trainer(tmp_path)) is None
    assert f"no checkpoint yet (looked in {tmp_path}); starting from the beginning" in caplog.text


def test_without_a_folder_of_their_own_checkpoints_lie_where_lightning_puts_them(tmp_path: Path):
    plain = MStarTrainer(accelerator="cpu", logger=False, default_root_dir=tmp_path)
    assert checkpoint_folders(plain) == [tmp_path / "checkpoints"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no whole file (0 bytes)"),
        (b"a text", "is no whole file (6 bytes)"),
        ({"weights": 1}, "has no state_dict: it is not Lightning's"),
        (
            {"state_dict": {}, "x": print},
            "holds more than tensors and plain values, and is not unpickled (weights_only)",
        ),
    ],
    ids=str,
)
def test_what_is_no_checkpoint_is_refused_with_the_reason(content: object, said: str, tmp_path: Path):
    file = tmp_path / "x.ckpt"
    torch.save(content, file) if isinstance(content, dict) else file.write_bytes(bytes(content))
    wanted = f"{file} is no checkpoint that can be used: x.ckpt {said}."
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        require_readable(file)


def test_the_folder_of_a_run_is_no_checkpoint_and_told_how_to_go_on(tmp_path: Path):
    said = (
        f"{tmp_path} is no checkpoint that can be used: meta.pt and .metadata missing, which a sharded checkpoint has."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        require_readable(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(
        ValueError, match=rf"To go on with the run in that folder: --out {tmp_path} --ckpt_path last\.$"
    ):
        require_readable(tmp_path)


def test_a_copy_that_has_lost_its_times_may_be_named_and_a_broken_one_may_not(tmp_path: Path):
    checkpoint = shard(tmp_path / "named.ckpt", seconds=100)
    os.utime(checkpoint / "__1_0.distcp", (200, 200))
    assert defect(checkpoint) == "parts newer than .metadata: its overwriting was cut off"
    require_readable(checkpoint)
    (checkpoint / ".metadata").unlink()
    with pytest.raises(ValueError, match=r"can be used: .metadata missing: its writing was cut off\.$"):
        require_readable(checkpoint)
