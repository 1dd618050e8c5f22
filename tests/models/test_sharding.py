"""Which modules are units, and when; that sharded models learn right is for test_strategies.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, ModelParallelStrategy, SingleDeviceStrategy
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy, OffloadPolicy
from torch.distributed.fsdp.wrap import wrap
from transformers import LlavaConfig, LlavaForConditionalGeneration

from lit_mstar.models.sharding import FSDP2Strategy, Sharding, is_sharded, shard_units, sharder, units
from support.helpers import make_tiny_backbone
from support.scripted import make_policy

BLOCKS = ["model.vision_model.encoder.layers.0", "model.text_model.layers.0", "model.text_model.layers.1"]


def test_blocks_of_text_and_vision_are_units():
    assert list(units(make_tiny_backbone().load_model())) == BLOCKS
    assert list(units(make_tiny_backbone().load_model(head=False))) == [name.removeprefix("model.") for name in BLOCKS]


def test_an_adapter_changes_no_unit():
    model = get_peft_model(make_tiny_backbone().load_model(), LoraConfig(r=2, target_modules=["q_proj", "fc1"]))
    assert list(units(model)) == [f"base_model.model.{name}" for name in BLOCKS]


def test_another_architecture_has_its_own_blocks():
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 16}
    vision = sizes | {"model_type": "clip_vision_model", "image_size": 16, "patch_size": 8}
    text = sizes | {"model_type": "llama", "vocab_size": 50}
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text))
    names = list(units(model))
    assert len(names) == 4
    kinds = {type(model.get_submodule(name)).__name__ for name in names}
    assert kinds == {"CLIPEncoderLayer", "LlamaDecoderLayer"}


def test_lists_inside_blocks_and_lists_without_weights_are_no_units():
    expert = nn.Module()
    expert.experts = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])
    model = nn.ModuleDict({"layers": nn.ModuleList([expert, nn.ReLU(), nn.Linear(1, 1)])})
    assert list(units(model)) == ["layers.0", "layers.2"]


def test_each_unit_is_prepared_right_before_it_is_sharded():
    model, seen = make_tiny_backbone().load_model(), []
    blocks = [model.get_submodule(name) for name in BLOCKS]

    def shard(unit: nn.Module) -> nn.Module:
        seen.append(("shard", unit))
        return nn.Sequential(unit)

    whole = shard_units(model, shard, lambda unit: seen.append(("prepare", unit)))
    assert seen == [(what, unit) for unit in (*blocks, model) for what in ("prepare", "shard")]
    assert whole[0] is model
    assert [model.get_submodule(f"{name}.0") for name in BLOCKS] == blocks


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_options_become_policies(dtype: Any):
    mesh = SimpleNamespace(device_type="cuda")
    options = Sharding(dtype, "float32", cpu_offload=True, reshard_after_forward=False).options(mesh)
    assert options["mp_policy"].param_dtype == getattr(torch, dtype)
    assert options["mp_policy"].reduce_dtype == torch.float32
    assert options["offload_policy"] == CPUOffloadPolicy(pin_memory=True)
    assert options["reshard_after_forward"] is False


def test_by_default_nothing_is_cast_or_offloaded():
    options = Sharding().options(SimpleNamespace(device_type="cpu"))
    assert (options["mp_policy"].param_dtype, options["mp_policy"].reduce_dtype) == (None, None)
    assert options["offload_policy"] == OffloadPolicy()
    assert options["reshard_after_forward"] is True


class Mesh(dict):
    def __init__(self, **sizes: int) -> None:
        super().__init__({name: SimpleNamespace(size=lambda n=n: n, device_type="cpu") for name, n in sizes.items()})


def under(strategy: Any) -> Any:
    policy = make_policy()
    policy._trainer = SimpleNamespace(strategy=strategy)
    return sharder(policy, Sharding())


def test_only_strategies_that_shard_do():
    assert sharder(make_policy(), Sharding()) is None  # without any trainer
    assert under(SingleDeviceStrategy(torch.device("cpu"))) is None
    assert under(DDPStrategy()) is None
    assert under(FSDPStrategy()) is wrap
    for strategy in (ModelParallelStrategy(), FSDP2Strategy()):
        strategy._device_mesh = Mesh(data_parallel=2, tensor_parallel=1)
        assert callable(under(strategy))


def test_tensor_parallelism_is_refused():
    strategy = ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=2)
    strategy._device_mesh = Mesh(data_parallel=1, tensor_parallel=2)
    with pytest.raises(ValueError, match=r"tensor_parallel_size is 2;.*FSDP2Strategy"):
        under(strategy)


def test_a_plain_model_is_not_sharded():
    assert not is_sharded(make_policy().model)
