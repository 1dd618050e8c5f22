from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_mstar import Backbone, PolicyModule
from lit_mstar.data import DigitsSource, SupervisedDataModule
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.training.signals import go_on, stoppable
from lit_mstar.training.trainer import MStarTrainer

STEPS = 6  # per epoch: 24 examples in batches of 4


class Terminate(Callback):
    """Sends SIGTERM to its own process in a hook, after so many steps."""

    def __init__(self, hook: str, step: int) -> None:
        def fire(trainer: Any, *_: Any) -> None:
            if trainer.global_step == step and not trainer.sanity_checking:
                os.kill(os.getpid(), signal.SIGTERM)

        setattr(self, hook, fire)


class Validations(Callback):
    """Counts whole validations and the batches they saw."""

    def __init__(self) -> None:
        self.batches, self.whole = 0, 0

    def on_validation_batch_end(self, trainer: Any, *_: Any) -> None:
        self.batches += not trainer.sanity_checking

    def on_validation_end(self, trainer: Any, *_: Any) -> None:
        self.whole += not trainer.sanity_checking


def fit(folder: Path, backbone: Backbone, *extra: Callback, resume: str | None = "last", **options: Any) -> Any:
    """Three epochs of six steps; returns the trainer and the final weights."""
    torch.manual_seed(0)
    model = PolicyModule(
        backbone,
        evaluation=SamplingParams(max_tokens=8),
        optimizer=lambda params: torch.optim.AdamW(params, lr=1e-3),
    )
    data = SupervisedDataModule(DigitsSource(seed=24, validate=6), batch_size=4, eval_batch_size=2)
    keep = ModelCheckpoint(dirpath=folder, save_last=True, enable_version_counter=False)
    trainer = MStarTrainer(
        accelerator="cpu",
        max_epochs=3,
        callbacks=[keep, *extra],
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(model, datamodule=data, ckpt_path=resume)
    return trainer, model.model.state_dict()


def assert_equal(weights: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert all(torch.equal(weights[name], value) for name, value in expected.items())


MOMENTS = {
    "within an epoch": ("on_train_batch_end", 8, 8),
    "at an epoch's last batch": ("on_train_batch_end", 12, 12),
    "in validation": ("on_validation_batch_start", 12, 12),
    "at an epoch's end": ("on_train_epoch_end", 12, 12),
    "at the end of training": ("on_train_epoch_end", 18, 18),
    "before the first step": ("on_train_start", 0, 1),
}


@pytest.fixture(scope="module")
def uninterrupted(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of a run to which nothing happened."""
    return dict(fit(tmp_path_factory.mktemp("uninterrupted"), Backbone(str(tiny_folder)))[1])


@pytest.mark.parametrize(("hook", "step", "saved"), MOMENTS.values(), ids=MOMENTS)
def test_stopped_and_resumed_it_ends_with_the_weights_of_an_uninterrupted_run(
    hook: str,
    step: int,
    saved: int,
    tmp_path: Path,
    folder_backbone: Backbone,
    uninterrupted: dict[str, torch.Tensor],
):
    with pytest.raises(SIGTERMException):
        fit(tmp_path / "stopped", folder_backbone, Terminate(hook, step))
    checkpoint = torch.load(tmp_path / "stopped/preempted.ckpt", weights_only=True)
    assert checkpoint["global_step"] == saved
    trainer, weights = fit(tmp_path / "stopped", folder_backbone)
    assert trainer.global_step == 3 * STEPS
    assert_equal(weights, uninterrupted)
    assert sorted(p.name for p in (tmp_path / "stopped").glob("*.ckpt")) == ["epoch=2-step=18.ckpt", "last.ckpt"]


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_validation_batch_start"])
def test_a_validation_that_was_due_or_broken_off_is_run_whole(hook: str, tmp_path: Path, folder_backbone: Backbone):
    with pytest.raises(SIGTERMException):
        fit(tmp_path, folder_backbone, Terminate(hook, 12))
    seen = Validations()
    fit(tmp_path, folder_backbone, seen)
    assert (seen.whole, seen.batches) == (2, 6)  # of the second epoch, all three batches, and of the third


def test_a_checkpoint_of_an_epochs_last_batch_does_not_end_training_early(tmp_path: Path, folder_backbone: Backbone):
    every = ModelCheckpoint(dirpath=tmp_path / "steps", every_n_train_steps=STEPS, save_top_k=-1)
    _, expected = fit(tmp_path / "whole", folder_backbone, every)
    seen = Validations()
    trainer, weights = fit(
        tmp_path / "resumed", folder_backbone, seen, resume=str(tmp_path / "steps/epoch=0-step=6.ckpt")
    )
    assert (trainer.global_step, trainer.current_epoch, seen.whole) == (3 * STEPS, 3, 3)
    assert_equal(weights, expected)


def test_gradients_that_are_still_being_summed_up_are_waited_for(tmp_path: Path, folder_backbone: Backbone):
    class Early(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2 and trainer.current_epoch == 1:  # the third of six batches, two a step
                os.kill(os.getpid(), signal.SIGTERM)

    _, expected = fit(tmp_path / "whole", folder_backbone, accumulate_grad_batches=2)
    with pytest.raises(SIGTERMException):
        fit(tmp_path / "stopped", folder_backbone, Early(), accumulate_grad_batches=2)
    assert torch.load(tmp_path / "stopped/preempted.ckpt", weights_only=True)["global_step"] == 3 + 2
    assert_equal(fit(tmp_path / "stopped", folder_backbone, accumulate_grad_batches=2)[1], expected)


def test_trained_to_the_end_it_asks_for_no_more_data(
    tmp_path: Path, folder_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
):
    fit(tmp_path, folder_backbone)

    def refuse(self: Any) -> None:
        raise AssertionError("an epoch that nobody trains on was prepared")

    monkeypatch.setattr(SupervisedDataModule, "train_dataloader", refuse)
    trainer, _ = fit(tmp_path, folder_backbone)
    assert (trainer.current_epoch, trainer.global_step) == (3, 3 * STEPS)


def test_outside_training_a_sigterm_ends_at_once_and_only_the_first():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SIGTERMException), stoppable():  # noqa: PT012
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # on the way out
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["fit", "--config", "a b.yaml"], "lit-mstar fit --config 'a b.yaml' --ckpt_path last"),
        (["fit", "--ckpt_path", "x.ckpt", "--threads", "2"], "lit-mstar fit --threads 2 --ckpt_path last"),
        (["fit", "--ckpt_path=x.ckpt"], "lit-mstar fit --ckpt_path last"),
        (["annotate", "--config", "a.yaml"], "lit-mstar annotate --config a.yaml"),
    ],
)
def test_the_command_to_go_on_with(args: list[str], command: str):
    assert go_on(args) == command
