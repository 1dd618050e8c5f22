"""The process reward model (PRM): one score per reasoning step.

A scalar head on a vision-language backbone, read at the last token of each step, so one forward pass scores all
steps of a response. The answer line is not read: a step is judged by what led to it.

Notation: R responses, T tokens, S steps (padded), D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchmetrics import MeanMetric

from lit_mstar.encoding.encoder import Batch
from lit_mstar.encoding.prompt_cache import CACHE, fit, forget
from lit_mstar.files import missing_input
from lit_mstar.models import weights
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.origin import clear_errors
from lit_mstar.models.sharding import Sharding, sharder
from lit_mstar.modules.base import BackboneModule
from lit_mstar.modules.calibration import Calibration
from lit_mstar.modules.chain_scores import ChainScores, model_inputs
from lit_mstar.modules.schedules import WarmupConstant
from lit_mstar.modules.step_loss import Labels, step_losses
from lit_mstar.modules.step_metrics import StepMetrics, chains_of
from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rollouts.identity import digest
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.scorers.base import StepScorer
from lit_mstar.training.division import gather

HEAD_FILE = "prm_head.safetensors"


class ProcessRewardModule(BackboneModule, StepScorer):
    """Learns the probability that a step leads to the right answer, from Monte-Carlo labels.

    Args:
        backbone: The model and its processor; its language-model head is left out.
        labels: "soft" learns the share of completions that reached the answer, "hard" whether any did, "binomial" the
            draws themselves (`step_loss`).
        balance: Weigh right and wrong steps so that both have half of the loss (ours).
        aggregation: Step scores to one: "min" as in the paper, or another; "validation" takes what tells best on
            validation which chains are right in all steps. None takes what a trained PRM was saved with, else "min".
        optimizer: Any torch optimizer (the default rate is ours).
        lr_scheduler: Any torch schedule, stepped once per optimizer step.
        batch_size: Most responses scored at the same time (ours).
        sharding: How the model is divided over ranks under FSDP2.
    """

    learns_from = "labelled steps"

    def __init__(
        self,
        backbone: Backbone,
        labels: Labels = "soft",
        balance: bool = False,
        aggregation: Aggregation | Literal["validation"] | None = None,
        optimizer: OptimizerCallable = lambda params: torch.optim.AdamW(params, lr=1e-5),
        lr_scheduler: LRSchedulerCallable = lambda optimizer: WarmupConstant(optimizer),
        batch_size: int = 256,
        sharding: Sharding = Sharding(),
    ) -> None:
        super().__init__(backbone, optimizer, lr_scheduler, sharding)
        if batch_size < 1:
            raise ValueError(f"ProcessRewardModule.batch_size is {batch_size}; it must be at least 1.")
        self.labels: Labels = labels
        self.balance = balance
        self._way = aggregation
        self.calibration = Calibration()
        self.batch_size = batch_size
        self.head: nn.Linear = None  # type: ignore[assignment]  # built in configure_model
        self._shares: bool | None = None  # whether the model goes on from an encoded prompt; None until found out
        self._chains = ChainScores(self)
        self.val_loss = MeanMetric(nan_strategy="disable")  # over reasoning steps, not batches
        self._positive: float | None = None  # the share of successes in training, where classes are balanced
        self._validated: list[tuple[list[float], list[bool]]] = []  # logits and targets of chains
        self.val_metrics = StepMetrics("val")
        self.test_metrics = StepMetrics("test")

    def configure_model(self) -> None:
        """Loads the model without its language head, and the scalar head where the folder has one."""
        if self.model is not None:
            return
        self.load(head=False)
        self.head = nn.Linear(self.model.config.get_text_config().hidden_size, 1)  # type: ignore[union-attr, operator]
        saved = Path(self.backbone.path) / HEAD_FILE
        if saved.is_file():
            with clear_errors(str(saved)):
                self._load_head(saved)
        if shard := sharder(self, self.sharding):
            self.head = shard(self.head)  # type: ignore[assignment]

    def _load_head(self, file: Path) -> None:
        state = load_file(file)
        own = {
            name.removeprefix("calibration."): state.pop(name) for name in [*state] if name.startswith("calibration.")
        }
        self.head.load_state_dict(state)
        self.calibration.load_state_dict(own)
        self._way = self._way or saved_aggregation(file)

    def forward(self, ends: Tensor, **inputs: Any) -> Tensor:
        """Logits of the steps that end at token positions `ends` (R, S) int64 of the model's inputs; (R, S)."""
        if CACHE not in inputs:
            forget(self.model)
        hidden = self.model(**fit(inputs, self.model)).last_hidden_state  # (R, T, D)
        at_ends = hidden.take_along_dim(ends[..., None], dim=1)  # (R, S, D)
        logits: Tensor = self.head(at_ends.to(self.head.weight.dtype)).squeeze(-1)
        return logits.float()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Summed binary cross-entropy; `on_before_optimizer_step` divides by the number of reasoning steps."""
        return self.count(*self.loss(batch))

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Summed cross-entropy over a batch's steps, in nats, and the sum of their weights (`step_losses`)."""
        losses, weights = self._losses(self(**model_inputs(batch)), batch)
        return losses.sum(), weights.sum()

    def setup(self, stage: str) -> None:
        """As for every module; and asks the data how many steps are right, where classes are to be balanced."""
        super().setup(stage)
        if stage == "fit" and self.balance:
            self._positive = self.trainer.datamodule.positive_share(self.labels)  # type: ignore[attr-defined]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Step AUROC and calibration error against the truth, or against hard labels where it is unknown."""
        logits = self(**model_inputs(batch))
        losses, weights = self._losses(logits, batch)
        self.val_loss.update(losses / weights, weights)
        self._validated += chains_of(logits, batch)
        self.log("val/loss", self.val_loss, prog_bar=True, batch_size=len(losses))
        self.val_metrics.update(logits, self.calibration(logits), batch)
        for name, metric in self.val_metrics.logged.items():
            self.log(name, metric, prog_bar=name in ("val/step_auroc", "val/step_ece"), batch_size=len(losses))

    def on_validation_epoch_end(self) -> None:
        """Calibrates on what was validated; the figures of before and after are those of the test."""
        chains = [chain for part in gather(self._validated) for chain in part]
        self._validated.clear()
        if not self.trainer.sanity_checking and self.trainer.state.fn == "fit":
            self.calibration.fit(chains)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As validation, with and without the calibration that validation fitted."""
        logits = self(**model_inputs(batch))
        self.test_metrics.update(logits, self.calibration(logits), batch)
        self.log_dict(self.test_metrics.logged, batch_size=len(logits))

    def check(self) -> None:
        """Refuses a folder without a trained head.

        Raises:
            ValueError: If the folder is not there or holds a model without a step head.
        """
        if self.model is None and not (Path(self.backbone.path) / HEAD_FILE).is_file():
            raise ValueError(missing_input(self.backbone.path, f"a process reward model (no {HEAD_FILE} in it)"))

    def place(self, device: torch.device) -> None:
        """See `StepScorer.place`."""
        if self.model is None:
            self.check()
            self.configure_model()
            self.eval().requires_grad_(False)
        self.to(device)

    def settings(self) -> str:
        """See `StepScorer.settings`: the weights and how their scores are read."""
        sums = [float(value.double().sum()) for value in self.state_dict().values()]
        return f"{type(self).__qualname__}({digest((self.aggregation, *sums))})"

    def rest(self) -> None:
        """See `StepScorer.rest`."""
        self.to("cpu")

    def score(self, rollouts: Sequence[Rollout]) -> list[list[list[float]]]:
        """Scores every step of every response; prompt and image are encoded once per problem (and `batch_size`).

        Returns:
            `scores[i][j][s]` in [0, 1]: step s of response j of rollout i.
        """
        return self._chains.score(rollouts)

    @property
    def aggregation(self) -> Aggregation:  # type: ignore[override]
        """How its steps' scores become a response's."""
        return self.calibration.aggregation if self._way == "validation" else self._way or "min"

    @property
    def threshold(self) -> float:  # type: ignore[override]
        """The least score of a step that counts as right: of highest macro-F1 on validation."""
        return float(self.calibration.threshold)

    def save(self, folder: Path | None) -> None:
        """Writes the backbone as a Hugging Face folder, with the scalar head in a file of its own.

        Without a folder it only takes part: where weights are sharded, all ranks must call it, one with a folder.
        """
        self.backbone.save(self.model, folder)
        self.save_head(folder)

    def save_head(self, folder: Path | None) -> None:
        """Writes the scalar head, with the calibration of its scores; as `save` otherwise."""
        head = {name: weight.cpu().clone() for name, weight in weights.whole_parameters(self.head)}
        head |= {f"calibration.{name}": value.cpu().clone() for name, value in self.calibration.state_dict().items()}
        if folder:
            save_file(head, folder / HEAD_FILE, metadata={"aggregation": self.aggregation})

    @classmethod
    def from_folder(cls, folder: str, batch_size: int = 256) -> ProcessRewardModule:
        """Loads what `save` wrote, for scoring.

        Args:
            folder: What `save` wrote.
            batch_size: Most responses scored at the same time.

        Raises:
            ValueError: If the folder is not there or holds a model without a step head.
        """
        # In the dtype that it was trained in: an adapter, say, on a base in bfloat16.
        prm = cls(Backbone(folder, dtype="auto"), batch_size=batch_size)
        prm.place(torch.device("cpu"))
        return prm

    def _losses(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Losses and weights of the batch's real steps, flat: (number of steps,) each."""
        real = ~batch["labels"].isnan()  # (R, S)
        return step_losses(logits[real], batch["labels"][real], batch["draws"][real], self.labels, self._positive)


def saved_aggregation(file: Path) -> Aggregation | None:
    """How a trained head's step scores become a response's; None where it does not say, or is not there."""
    if not file.is_file():
        return None
    with safe_open(file, "pt") as opened:
        saved = (opened.metadata() or {}).get("aggregation")
    return cast(Aggregation, saved) if saved in get_args(Aggregation) else None
