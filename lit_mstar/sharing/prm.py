"""A process reward model as a folder that ten lines of plain transformers can score with."""

from __future__ import annotations

from pathlib import Path

from lit_mstar.models.backbone import Backbone
from lit_mstar.modules.prm import ProcessRewardModule
from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.sharing.asked import asked_code

_WORDS: dict[Aggregation, str] = {
    "min": "the least",
    "product": "the product",
    "mean": "the mean",
    "last": "the last",
}


def write_prm(folder: Path, out: Path) -> dict[str, str]:
    """Writes a process reward model: its backbone, with any adapter merged, and its head beside it.

    Returns:
        The code for its card, as of `asked_code`, and how its scores are to be read.
    """
    backbone = Backbone(str(folder), dtype="auto", adapter="merge")
    backbone.save(backbone.load_model(head=False).eval(), out)  # type: ignore[no-untyped-call]
    prm = ProcessRewardModule.from_folder(str(folder))
    prm.save_head(out)  # with a calibration, also where it is older than that
    read = {"way": prm.aggregation, "way_words": _WORDS[prm.aggregation], "threshold": f"{prm.threshold:.3g}"}
    return asked_code(backbone) | read
