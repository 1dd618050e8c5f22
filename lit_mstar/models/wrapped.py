"""What peft has put around a model or a layer, asked without importing peft: most runs have no adapter.

Importing it takes as long as half of Lightning, and with bitsandbytes installed, longer than all of it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from peft import PeftModel
    from typing_extensions import TypeIs


def is_adapted(model: nn.Module) -> TypeIs[PeftModel]:
    """Whether a model is a base with an adapter; under any sharding it is not."""
    if not any_adapters():
        return False
    from peft import PeftModel

    return isinstance(model, PeftModel)


def any_adapters() -> bool:
    """Whether there can be any in this process: who has made one has imported peft."""
    return "peft" in sys.modules
