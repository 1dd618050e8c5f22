"""A process reward model as a folder that ten lines of plain transformers can score with."""

from __future__ import annotations

import shutil
from pathlib import Path

from lit_mstar.models.backbone import Backbone
from lit_mstar.modules.prm import HEAD_FILE
from lit_mstar.sharing.asked import asked_code


def write_prm(folder: Path, out: Path) -> dict[str, str]:
    """Writes a process reward model: its backbone, with any adapter merged, and its head beside it.

    Returns:
        The code for its card, as of `asked_code`.
    """
    backbone = Backbone(str(folder), dtype="auto", adapter="merge")
    backbone.save(backbone.load_model(head=False).eval(), out)
    shutil.copyfile(folder / HEAD_FILE, out / HEAD_FILE)
    return asked_code(backbone)
