"""What the policy and the process reward model have in common: a backbone, an optimizer, safe checkpoints."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.sharding import Sharding, sharder
from lit_mstar.modules.checkpoints import (
    name_optimizer_states,
    remember_architecture,
    require_architecture,
)
from lit_mstar.modules.gradients import require_finite, rescale, squared_norms, widest
from lit_mstar.modules.schedules import RunSchedule, run_progress
from lit_mstar.training.randomness import recall_random_state, remember_random_states, set_random_state


class BackboneModule(LightningModule):
    """A LightningModule around a `Backbone`, whose model is loaded in `configure_model`.

    A training step returns the sum of its losses and says by `count` how many they are; before the weights change,
    gradients become those of the mean over everything in the optimizer step: all ranks, all accumulated batches.

    Args:
        backbone: The model and its processor.
        optimizer: Makes the optimizer of the trainable weights.
        lr_scheduler: Makes its schedule, stepped once per optimizer step.
        sharding: How FSDP2 shards the model.
    """

    learns_from = "problems"

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable,
        sharding: Sharding = Sharding(),
    ) -> None:
        super().__init__()
        self.sharding = sharding
        self.backbone = backbone
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.model: nn.Module = None  # type: ignore[assignment]  # loaded in configure_model
        self._random_state: dict[str, Any] | None = None  # of the run that is resumed
        self._seen: list[Tensor] = []  # (sum of losses, their number) of each batch accumulated so far
        self._norm = 0.0  # of the gradient that is about to change the weights

    @property
    def encoder(self) -> Encoder:
        """Turns problems into this model's tensors."""
        return self.backbone.encoder

    def setup(self, stage: str) -> None:
        """Refuses a missing model folder, and data of another kind, before anything is loaded.

        Raises:
            ValueError: If the data are not what the module learns from.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if stage == "fit" and getattr(data, "serves", self.learns_from) != self.learns_from:
            raise ValueError(
                f"{type(self).__name__} learns from {self.learns_from}, and {type(data).__name__} serves {data.serves}."
            )
        self.backbone.check()

    def load(self, head: bool = True) -> None:
        """Loads the model, sharded at once where the trainer's strategy shards; LoRA is drawn alike on all ranks."""
        if shard := sharder(self, self.sharding):
            torch.set_rng_state(self.trainer.strategy.broadcast(torch.get_rng_state()))
            self.model = self.backbone.load_sharded(shard, head)
        else:
            self.model = self.backbone.load_model(head)

    def configure_optimizers(self) -> Any:
        """The optimizer over trainable weights, and its schedule.

        Raises:
            ValueError: If there is nothing to train.
        """
        self.backbone.require_trainable(self.model)
        optimizer = self.optimizer(p for p in self.parameters() if p.requires_grad)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.lr_scheduler(optimizer), "interval": "step"}}

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Steps the schedule; one in shares of the run is told how far that is."""
        if isinstance(scheduler, RunSchedule):
            scheduler.progress = run_progress(self.trainer)
        super().lr_scheduler_step(scheduler, metric)

    def on_train_start(self) -> None:
        """Goes on with the random numbers of the run that is resumed; whatever came before has used up others."""
        self._seen.clear()
        if self._random_state is not None:
            set_random_state(self._random_state)
            self._random_state = None

    def count(self, total: Tensor, number: int | Tensor) -> Tensor:
        """Notes a batch's summed loss, a scalar, and the number of terms in it; returns the sum."""
        pair = torch.zeros(2, dtype=widest(total.device), device=total.device)
        pair[0], pair[1] = total.detach(), number
        self._seen.append(pair)
        return total

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Turns accumulated sums into a mean, however they were spread over batches and ranks; logs loss and norm.

        Lightning has divided each loss by `accumulate_grad_batches`, and the strategy averaged gradients over ranks:
        both are undone, so that uneven batches weigh by their terms, as in one big batch. One exchange tells all
        ranks the same numbers, so all of them stop at the same moment if they must.

        Raises:
            FloatingPointError: If the loss or the gradient is not finite.
        """
        trainer = self.trainer
        replicated, sharded = squared_norms(self, self.device)
        mine = torch.cat([torch.stack(self._seen).sum(0), sharded[None], replicated[None] / trainer.world_size])
        total, number, *squares = trainer.strategy.reduce(mine, reduce_op="sum").tolist()
        scale = trainer.accumulate_grad_batches * trainer.world_size / max(number, 1)
        loss, self._norm = total / max(number, 1), scale * sum(squares) ** 0.5
        self._seen.clear()
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None  # it skips infinite gradients by design
        require_finite(loss, self._norm, self.global_step, gradients_too=not scaled)
        rescale(self, scale)
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/grad_norm", self._norm)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips by the norm over all ranks, which is right under every strategy; by value as Lightning does."""
        if gradient_clip_algorithm == "value":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_val and self._norm > gradient_clip_val:
            rescale(self, gradient_clip_val / self._norm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes the architecture, for error messages, what optimizer states are of, and every rank's random state."""
        remember_architecture(checkpoint, self.backbone)
        name_optimizer_states(checkpoint, self)
        remember_random_states(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint of another architecture; takes over this rank's random state."""
        require_architecture(checkpoint, self.backbone, self)
        self._random_state = recall_random_state(checkpoint)
