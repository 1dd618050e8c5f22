"""What the policy and the process reward model have in common: a backbone, an optimizer, safe checkpoints."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import nn

from lit_mstar.backbone import Backbone
from lit_mstar.checkpoints import remember_architecture, require_architecture
from lit_mstar.encoding import Encoder


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
        """Notes the architecture, for the error message of another one."""
        remember_architecture(checkpoint, self.backbone)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint of another architecture."""
        require_architecture(checkpoint, self.backbone, self)
