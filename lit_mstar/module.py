"""What the policy and the process reward model have in common: a backbone, an optimizer, safe checkpoints."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import nn

from lit_mstar.backbone import Backbone
from lit_mstar.checkpoints import end_epoch_on_resume, remember_architecture, require_architecture
from lit_mstar.encoding import Encoder
from lit_mstar.randomness import recall_random_state, remember_random_states, set_random_state


class BackboneModule(LightningModule):
    """A LightningModule around a `Backbone`, whose model is loaded in `configure_model`.

    Args:
        backbone: The model and its processor.
        optimizer: Makes the optimizer of the trainable weights.
        lr_scheduler: Makes its schedule, stepped once per optimizer step.
    """

    def __init__(self, backbone: Backbone, optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable) -> None:
        super().__init__()
        self.backbone = backbone
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.model: nn.Module = None  # type: ignore[assignment]  # loaded in configure_model
        self._random_state: dict[str, Any] | None = None  # of the run that is resumed

    @property
    def encoder(self) -> Encoder:
        """Turns problems into this model's tensors."""
        return self.backbone.encoder

    def setup(self, stage: str) -> None:
        """Refuses a missing model folder before anything is loaded."""
        self.backbone.check()

    def configure_optimizers(self) -> Any:
        """The optimizer over trainable weights, and its schedule."""
        optimizer = self.optimizer(p for p in self.parameters() if p.requires_grad)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.lr_scheduler(optimizer), "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes the architecture, for the error message of another one, and every rank's random state."""
        remember_architecture(checkpoint, self.backbone)
        remember_random_states(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint of another architecture; takes over this rank's random state."""
        require_architecture(checkpoint, self.backbone, self)
        end_epoch_on_resume(checkpoint)
        self._random_state = recall_random_state(checkpoint)

    def on_train_start(self) -> None:
        """Goes on with the random numbers of the run that is resumed; whatever came before has used up others."""
        if self._random_state is not None:
            set_random_state(self._random_state)
            self._random_state = None
