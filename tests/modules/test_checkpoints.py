from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from transformers import Idefics3Config

from lit_mstar import Backbone, TinyBackbone
from lit_mstar.modules.checkpoints import remember_architecture, require_architecture
from support.helpers import make_tiny_backbone


class Module(LightningModule):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, 3)


def checkpoint(width: int, backbone: Backbone) -> dict[str, Any]:
    made: dict[str, Any] = {"state_dict": Module(width).state_dict()}
    remember_architecture(made, backbone)
    return made


def test_a_checkpoint_of_the_same_model_fits(tiny_backbone: TinyBackbone, folder_backbone: Backbone):
    require_architecture(checkpoint(4, tiny_backbone), tiny_backbone, Module(4))
    require_architecture(checkpoint(4, tiny_backbone), folder_backbone, Module(4))


def test_another_architecture_is_refused_by_name(tmp_path: Any, tiny_backbone: TinyBackbone):
    Idefics3Config(architectures=["OtherModel"]).save_pretrained(tmp_path)
    other = Backbone(str(tmp_path))
    with pytest.raises(ValueError, match="holds a OtherModel, but the config builds a Idefics3ForConditional"):
        require_architecture(checkpoint(4, other), tiny_backbone, Module(4))


def test_another_shape_is_refused_by_name(tiny_backbone: TinyBackbone):
    with pytest.raises(ValueError, match=r"layer\.weight has shape \(3, 5\), the config's model \(3, 4\)"):
        require_architecture(checkpoint(5, tiny_backbone), tiny_backbone, Module(4))


def test_a_wider_tiny_model_is_refused(tiny_backbone: TinyBackbone):
    wide = make_tiny_backbone(intermediate_size=96)
    saved = {"state_dict": wide.load_model().state_dict()}
    module: Any = tiny_backbone.load_model()
    with pytest.raises(ValueError, match=r"mlp\.\w+\.weight has shape"):
        require_architecture(saved, tiny_backbone, module)


def test_a_checkpoint_that_does_not_name_its_architecture_is_judged_by_shapes(tiny_backbone: TinyBackbone):
    require_architecture({"state_dict": Module(4).state_dict()}, tiny_backbone, Module(4))
    with pytest.raises(ValueError, match="shape"):
        require_architecture({"state_dict": Module(5).state_dict()}, tiny_backbone, Module(4))
