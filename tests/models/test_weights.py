from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from lit_mstar import Backbone
from lit_mstar.models import weights
from support import rank_jobs, ranks
from support.engines import make_lora_policy, make_policy, shake
from support.helpers import make_tiny_backbone


def saved(model: Any, folder: Path) -> dict[str, torch.Tensor]:
    """The tensors that transformers itself would write."""
    model.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def assert_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_plain_model_streams_what_save_pretrained_writes(tmp_path: Path):
    model = make_policy().model
    assert_equal(dict(weights.stream(model)), saved(model, tmp_path))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dora": True},
        {"use_rslora": True, "rank_pattern": {"q_proj": 2}},
        {"modules_to_save": ["lm_head"]},
    ],
    ids=lambda options: next(iter(options), "lora"),
)
def test_lora_is_merged_as_peft_would(options: dict[str, Any], tmp_path: Path):
    base = make_tiny_backbone().load_model()
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj", "fc1"], **options)
    model = get_peft_model(copy.deepcopy(base), config)
    shake(type("P", (), {"model": model}), 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ours = {name: tensor.clone() for name, tensor in weights.stream(model)}
    assert_equal(dict(model.state_dict()), before)  # the model itself stays unmerged
    assert_equal(dict(weights.stream(model, merge=False)), saved(base, tmp_path / "base"))
    assert_equal(ours, saved(model.merge_and_unload(), tmp_path / "merged"))


@pytest.mark.parametrize("shard", [1, 20_000, 10**9])
def test_a_written_folder_is_one_that_transformers_loads(shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "_SHARD", shard)
    policy = make_lora_policy()
    size = weights.write(policy.model, tmp_path)
    policy.encoder.processor.save_pretrained(tmp_path)
    loaded = Backbone(str(tmp_path)).load_model()
    assert_equal(dict(weights.stream(loaded)), {n: t.clone() for n, t in weights.stream(policy.model)})
    assert size == sum(tensor.nbytes for tensor in loaded.state_dict().values())
    assert size == weights.write(policy.model, None)
    assert (len(list(tmp_path.glob("*.safetensors"))) == 1) == (shard == 10**9)


def test_an_adapter_alone_is_what_peft_writes(tmp_path: Path):
    model = make_lora_policy().model
    size = weights.write_adapter(model, tmp_path / "ours")
    model.save_pretrained(tmp_path / "theirs")
    ours, theirs = (load_file(tmp_path / side / "adapter_model.safetensors") for side in ("ours", "theirs"))
    assert_equal(ours, theirs)
    assert size == (tmp_path / "ours/adapter_model.safetensors").stat().st_size


def test_a_model_without_adapter_has_none_to_write(tmp_path: Path):
    with pytest.raises(ValueError, match=r"no adapter to send; set Backbone\.lora"):
        weights.write_adapter(make_policy().model, tmp_path)


def test_equal_weights_have_equal_digests_and_any_change_shows():
    first, same = make_policy().model, make_policy().model
    assert weights.digest(first) == weights.digest(same)
    for parameter in same.parameters():
        with torch.no_grad():
            parameter.view(-1)[0] += 1e-3
        assert weights.digest(first) != weights.digest(same)
        with torch.no_grad():
            parameter.copy_(
                dict(first.named_parameters())[next(n for n, p in same.named_parameters() if p is parameter)]
            )
    assert weights.digest(first) == weights.digest(same)


def test_the_order_of_numbers_counts_and_frozen_ones_do_not():
    first, other = make_policy().model, make_policy().model
    with torch.no_grad():
        other.lm_head.weight[[0, 1]] = other.lm_head.weight[[1, 0]]
    assert weights.digest(first) != weights.digest(other)
    for model in (first, other):
        model.lm_head.requires_grad_(False)
    assert weights.digest(first) == weights.digest(other)


@pytest.mark.slow
def test_what_leaves_a_sharded_model_is_what_leaves_it_whole(tmp_path: Path):
    """Two processes, FSDP1 and FSDP2, full and LoRA, before and after a step of training."""
    said = ranks.run(rank_jobs.weights_job, 2, tmp_path)
    assert [len(claims) for claims in said] == [2 * 2 * 8] * 2
    assert ranks.false(said) == []
