"""The vision tower of a model, and the connector that leads from it to the text model, wherever that lies."""

from __future__ import annotations

import re

from torch import nn

from lit_mstar.encoding.architectures import CONNECTORS, TOWERS


def freeze_vision_tower(model: nn.Module) -> None:
    """Freezes the vision encoder; the connector to the text model stays trainable, also where it lies inside.

    Raises:
        ValueError: If no module is named like a vision tower.
    """
    tower = re.compile(tower_pattern(model))
    for name, parameter in model.named_parameters():
        if tower.fullmatch(name):
            parameter.requires_grad_(False)


def tower_pattern(model: nn.Module) -> str:
    """A regular expression for the full names of what is in a model's vision tower, without a connector inside it.

    It is the same for a model with and without its head.

    Raises:
        ValueError: If no module is named like a vision tower.
    """
    tower = vision_tower(model)
    if tower is None:
        raise ValueError(f"{type(model).__name__} has no module named {' or '.join(TOWERS)} to freeze.")
    connector = rf"(?:.*\.)?(?:{'|'.join(CONNECTORS)})(?:\..*)?"
    return rf"(?:.*\.)?{tower.rpartition('.')[2]}(?:\.(?!{connector}$).*)?"


def vision_tower(model: nn.Module) -> str | None:
    """The name of a model's vision tower; None where no module is named like one."""
    modules = ((name, module) for name, module in model.named_modules() if name.rpartition(".")[2] in TOWERS)
    return next((name for name, module in modules if any(True for _ in module.parameters())), None)
