"""How well a reward model tells right steps from wrong ones, before and after its scores are calibrated."""

from __future__ import annotations

from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.classification import BinaryAUROC, BinaryCalibrationError

from lit_mstar.encoding.encoder import Batch


class StepMetrics(nn.Module):
    """Figures over all reasoning steps of a split.

    `step_auroc` and `step_ece` are against the truth, or hard labels where it is unknown; `label_auroc` is against hard
    labels, `…_calibrated` is of calibrated scores.

    Args:
        split: Stands before their names.
    """

    def __init__(self, split: str) -> None:
        super().__init__()
        self.split = split
        self.step_auroc = BinaryAUROC()
        self.label_auroc = BinaryAUROC()
        self.step_ece = BinaryCalibrationError(n_bins=15)
        self.step_auroc_calibrated = BinaryAUROC()
        self.step_ece_calibrated = BinaryCalibrationError(n_bins=15)

    @property
    def logged(self) -> dict[str, Metric]:
        """The metrics by the names that they are logged under."""
        return {f"{self.split}/{name}": metric for name, metric in self.named_children() if isinstance(metric, Metric)}

    def update(self, logits: Tensor, calibrated: Tensor, batch: Batch) -> None:
        """Counts a batch's real steps; logits and calibrated logits are (R, S)."""
        real = ~batch["labels"].isnan()
        targets, hard = batch["targets"][real].long(), (batch["labels"][real] > 0).long()
        before, after = logits[real].sigmoid(), calibrated[real].sigmoid()
        self.step_auroc.update(before, targets)
        self.label_auroc.update(before, hard)
        self.step_ece.update(before, targets)
        self.step_auroc_calibrated.update(after, targets)
        self.step_ece_calibrated.update(after, targets)


def chains_of(logits: Tensor, batch: Batch) -> list[tuple[list[float], list[bool]]]:
    """The logits and targets of a batch's chains, without padding and without what only fills it up."""
    real = ~batch["labels"].isnan()
    rows = zip(logits, batch["targets"], real, strict=True)
    return [(row[mask].tolist(), targets[mask].bool().tolist()) for row, targets, mask in rows if mask.any()]
