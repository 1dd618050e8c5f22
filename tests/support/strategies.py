"""The same training under any strategy.

Global batches are given: one process takes all of one, each of two ranks every second row.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader

from lit_mstar import Backbone, PolicyModule, ProcessRewardModule
from lit_mstar.commands.stage import finish_stage
from lit_mstar.data import DigitsSource
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.models.weights import whole_parameters
from lit_mstar.rollouts.nouns import SamplingParams

LORA = {"r": 2, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"]}
CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {"lora": LORA},
    "frozen": {"freeze_vision": True},
    "recomputed": {"gradient_checkpointing": True},
    "prm": {},
}
SAVED = {"full": ("consolidated", "sharded"), "lora": ("sharded",), "prm": ("consolidated",)}
RANK, RANKS = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
PROBLEMS = DigitsSource(seed=12, train=12, validate=4, test=4)


class GlobalBatches(LightningDataModule):
    """Three global batches of four uneven rows, the same at each epoch, and a few problems to measure on."""

    def __init__(self, module: Any, accumulate: int = 1) -> None:
        super().__init__()
        self.module = module
        self.accumulate = accumulate

    def train_dataloader(self) -> DataLoader[Any]:
        rows = list(enumerate(PROBLEMS.problems("train")))
        mine = [rows[start : start + 4][RANK::RANKS] for start in range(0, 12, 4)]
        if self.accumulate == 2:
            mine = [half for batch in mine for half in (batch[:1], batch[1:])]
        return DataLoader(mine, batch_size=None, collate_fn=self._collate)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[Any]:
        if isinstance(self.module, PolicyModule):
            return DataLoader([PROBLEMS.problems("validate")[RANK::RANKS]], batch_size=None)
        return self.train_dataloader()

    def test_dataloader(self) -> DataLoader[Any]:
        return self.val_dataloader()

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch

    def _collate(self, rows: list[tuple[int, Any]]) -> Any:
        encoder = self.module.encoder
        if isinstance(self.module, PolicyModule):
            return encoder.collate([p for _, p in rows], [list(range(20, 22 + (5 * i) % 9)) for i, _ in rows])
        steps = [[f"The digit is {k}." for k in range(1 + i % 3)] for i, _ in rows]
        labels = [[((i + k) % 4) / 4 for k in range(1 + i % 3)] for i, _ in rows]
        return collate_steps(encoder, [StepExample(p, s, x) for (_, p), s, x in zip(rows, steps, labels, strict=True)])


class Watch(Callback):
    """What an optimizer step sees, and the weights before the first."""

    def __init__(self) -> None:
        self.start: dict[str, torch.Tensor] = {}
        self.curve: dict[int, list[float]] = {}

    def on_fit_start(self, trainer: Trainer, module: Any) -> None:
        self.start = weights_of(module)
        self.sharded = {n for n, p in module.named_parameters() if isinstance(p, DTensor)}

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        logged = trainer.callback_metrics
        if "train/loss" in logged:
            self.curve[trainer.global_step] = [float(logged["train/loss"]), float(logged["train/grad_norm"])]


def weights_of(module: Any) -> dict[str, torch.Tensor]:
    """Whole copies."""
    return {name: weight.clone() for name, weight in whole_parameters(module)}


def make(case: str, folder: Path) -> Any:
    """The module of a case; the same at every call."""
    seed_everything(5, verbose=False)
    backbone = Backbone(str(folder / "tiny"), **CASES[case])

    def optimizer(params: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(params, lr=3e-3, eps=1e-4)  # where gradients are rounding alone, steps stay small

    if case == "prm":
        return ProcessRewardModule(backbone, optimizer=optimizer)
    return PolicyModule(backbone, optimizer=optimizer, evaluation=SamplingParams(max_tokens=6))


def fit(case: str, folder: Path, strategy: Any = "auto", **options: Any) -> dict[str, Any]:
    """Trains for two epochs (or as told); returns what there is to compare."""
    module, watch = make(case, folder), Watch()
    module.sharding = options.pop("sharding", module.sharding)
    accumulate = options.pop("accumulate", 1)
    resume, finish, home = (
        options.pop("resume", None),
        options.pop("finish", False),
        options.pop("home", folder / "run"),
    )
    data = GlobalBatches(module, accumulate)
    keeper = ModelCheckpoint(home / "checkpoints", filename="{epoch}", save_top_k=-1)
    trainer = Trainer(
        strategy=strategy,
        accelerator="cpu",
        devices=RANKS,
        max_epochs=options.pop("epochs", 2),
        accumulate_grad_batches=accumulate,
        default_root_dir=home,
        callbacks=[watch, *options.pop("callbacks", []), keeper],
        use_distributed_sampler=False,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
    trainer.fit(module, data, ckpt_path=resume, weights_only=True)
    result = {"start": watch.start, "curve": watch.curve, "end": weights_of(module), "sharded": watch.sharded}
    result["metrics"] = {name: float(x) for name, x in trainer.callback_metrics.items() if name.startswith("val/")}
    if isinstance(module, PolicyModule) and not resume:
        module.sampler.load_policy(module)
        found = dict(module.sampler.sample(PROBLEMS.problems("test"), SamplingParams(n=2, max_tokens=8, seed=1)))
        result["tokens"] = [r.token_ids for i in sorted(found) for r in found[i].responses]
    if finish:
        finish_stage(trainer, module, data, time.monotonic())
    return result


def distance(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    return max(float((ours[name] - theirs[name]).abs().max()) for name in theirs)
