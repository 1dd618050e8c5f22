"""One kind of checkpoint to the other and back; that runs go on from either is for test_strategies.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from lit_mstar.__main__ import main
from lit_mstar.commands.convert import convert
from lit_mstar.modules.checkpoints import load_weights
from support.scripted import make_policy, make_trainer, sums


def saved(folder: Path, optimizer: Any = torch.optim.AdamW) -> Path:
    """A checkpoint after one step."""
    policy = make_policy()
    policy.optimizer = lambda params: optimizer(params, lr=0.1)
    trainer = make_trainer(folder)
    batch = policy.encoder.collate(sums(2), [[20, 21], [22]])
    trainer.fit(policy, DataLoader([batch], batch_size=None))
    trainer.save_checkpoint(folder / "file.ckpt")
    return folder / "file.ckpt"


def assert_equal(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(ours, theirs)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert_equal(ours[key], value)
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)
    else:
        assert ours == theirs


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
def test_there_and_back_nothing_changes(optimizer: Any, tmp_path: Path):
    file = saved(tmp_path, optimizer)
    main(["convert", str(file), "--out", str(tmp_path / "folder.ckpt")])
    main(["convert", str(tmp_path / "folder.ckpt"), "--out", str(tmp_path / "back.ckpt")])
    before, after = (torch.load(tmp_path / name, weights_only=True) for name in ("file.ckpt", "back.ckpt"))
    assert_equal(after, before)


def test_optimizer_states_go_by_names(tmp_path: Path):
    states = torch.load(saved(tmp_path), weights_only=True)["optimizer_states"]
    names = {name for name, _ in make_policy().named_parameters()}
    assert set(states[0]["state"]) <= set(states[0]["param_groups"][0]["params"]) == names


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_weights_load_from_either(kind: str, tmp_path: Path):
    path = file = saved(tmp_path)
    if kind == "folder":
        convert(file, path := tmp_path / "folder.ckpt")
    policy = make_policy()
    load_weights(policy, path)
    expected = torch.load(file, weights_only=True)["state_dict"]
    assert_equal(dict(policy.state_dict()), dict(expected))
    assert not torch.equal(policy.model.lm_head.weight, make_policy().model.lm_head.weight)


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = saved(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["convert", str(file), "--out", str(file)])
    assert "exists; give another --out" in capsys.readouterr().err


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "nothing").touch()
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SystemExit, match="2"):
            main(["convert", str(path), "--out", str(tmp_path / "out")])
        assert "is no checkpoint" in capsys.readouterr().err


def test_numbered_states_are_refused_and_leave_nothing_behind(tmp_path: Path):
    file = saved(tmp_path)
    checkpoint = torch.load(file, weights_only=True)
    checkpoint["optimizer_states"][0]["param_groups"][0]["params"] = [0, 1]
    torch.save(checkpoint, file)
    with pytest.raises(ValueError, match="numbers its weights"):
        convert(file, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file.ckpt"]
