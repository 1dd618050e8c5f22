from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from safetensors.torch import load_file

from lit_mstar import Backbone, PolicyModule
from lit_mstar.commands.stage import finish_stage, write_summary
from lit_mstar.data import DigitsSource, SupervisedDataModule


def fitted(
    tmp_path: Path, backbone: Backbone, epochs: int = 3, monitor: str | None = "val/accuracy", **limits: Any
) -> tuple[Trainer, PolicyModule, SupervisedDataModule]:
    model = PolicyModule(backbone, optimizer=lambda params: torch.optim.SGD(params, lr=1e-3))
    data = SupervisedDataModule(DigitsSource(seed=4, validate=2, test=2), batch_size=4)
    keep_first = ModelCheckpoint(dirpath=tmp_path / "checkpoints", monitor=monitor, mode="max")
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[keep_first],
        default_root_dir=tmp_path,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **limits,
    )
    trainer.fit(model, data)
    return trainer, model, data


def test_the_exported_model_is_the_one_that_validation_chose(tmp_path: Path, folder_backbone: Backbone):
    trainer, model, data = fitted(tmp_path, folder_backbone)
    last = {name: value.clone() for name, value in model.model.state_dict().items()}
    finish_stage(trainer, model, data, time.monotonic())
    best = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)["state_dict"]
    exported = load_file(tmp_path / "model/model.safetensors")
    name = next(name for name in exported if name.endswith("lm_head.weight"))
    assert torch.equal(exported[name], best[f"model.{name}"])
    assert not torch.equal(exported[name], last[name])  # equal accuracies: the first epoch's is kept


def test_the_summary_holds_the_test_accuracy_of_the_chosen_checkpoint(tmp_path: Path, folder_backbone: Backbone):
    trainer, model, data = fitted(tmp_path, folder_backbone, epochs=1)
    finish_stage(trainer, model, data, time.monotonic())
    summary = json.loads((tmp_path / "summary.json").read_text())
    expected = trainer.test(model, datamodule=data, verbose=False)[0]["test/accuracy"]
    assert summary["test_accuracy"] == expected
    assert summary["checkpoint"] == trainer.checkpoint_callback.best_model_path


def test_without_test_problems_there_is_no_accuracy(tmp_path: Path, folder_backbone: Backbone):
    trainer, model, data = fitted(tmp_path, folder_backbone, epochs=1)
    data._problems["test"] = []
    finish_stage(trainer, model, data, time.monotonic())
    assert "test_accuracy" not in json.loads((tmp_path / "summary.json").read_text())


@pytest.mark.parametrize(("limit", "problems"), [(0, None), (1, 1), (1.0, 2)])
def test_the_summary_is_of_the_problems_that_limit_test_batches_leaves(
    tmp_path: Path, folder_backbone: Backbone, limit: float, problems: int | None
):
    trainer, model, data = fitted(tmp_path, folder_backbone, epochs=1, limit_test_batches=limit)
    data.eval_batch_size = 1
    finish_stage(trainer, model, data, time.monotonic())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (tmp_path / "model/model.safetensors").is_file()
    assert summary.get("test_problems") == problems
    assert ("test_accuracy" in summary) == bool(problems)


@pytest.mark.parametrize("limits", [{"limit_val_batches": 0}, {"limit_train_batches": 0}, {"fast_dev_run": True}])
def test_a_stage_ends_whole_whatever_else_is_limited(tmp_path: Path, folder_backbone: Backbone, limits: dict[str, Any]):
    trainer, model, data = fitted(tmp_path, folder_backbone, epochs=1, monitor=None, **limits)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    finish_stage(trainer, model, data, time.monotonic())
    if "fast_dev_run" in limits:  # leaves nothing behind
        assert not (tmp_path / "summary.json").exists()
        assert not (tmp_path / "model").exists()
        return
    assert json.loads((tmp_path / "summary.json").read_text())["test_problems"] == 2
    exported = load_file(tmp_path / "model/model.safetensors")
    name = next(name for name in exported if name.endswith("lm_head.weight"))
    assert torch.equal(exported[name], before[name])  # the weights that the last step left


def test_results_are_written_with_the_seconds_since_the_start(tmp_path: Path):
    trainer = Trainer(accelerator="cpu", default_root_dir=tmp_path, logger=False, barebones=True)
    write_summary(trainer, time.monotonic() - 100, {"x": 1})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["x"] == 1
    assert summary["seconds"] >= 100
