"""Jobs for real processes (see ranks.py): weights out of sharded models, engines of every kind, divided work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.fsdp.wrap import ModuleWrapPolicy

from lit_mstar.models import weights
from lit_mstar.ranks import on_rank_zero
from lit_mstar.samplers import Sampler, VLLMSampler
from lit_mstar.training.division import gather, take
from support.engines import OPTIONS, VARIED, greedy, make_lora_policy, make_policy, reference

MAKERS: dict[str, Callable[[], Any]] = {"full": make_policy, "lora": make_lora_policy}
PAIRED = {"num_heads": 2, "hidden_size": 64, "vision_size": 64}  # two ranks can share such a model


def sharded(policy: Any, kind: str) -> Any:
    """The policy with its transformer blocks, and the rest, divided over all ranks."""
    base = policy.model.get_base_model() if hasattr(policy.model, "get_base_model") else policy.model
    blocks = [*base.model.text_model.layers, *base.model.vision_model.encoder.layers]
    if kind == "fsdp1":
        wrap = ModuleWrapPolicy({type(block) for block in blocks})
        policy.model = FullyShardedDataParallel(
            policy.model, auto_wrap_policy=wrap, device_id=torch.device("cpu"), use_orig_params=True
        )
    else:
        for module in (*blocks, policy.model):
            fully_shard(module)
    return policy


def pair(name: str, kind: str) -> tuple[Any, Any]:
    """The same policy twice, whole and sharded, each with an optimizer."""
    whole, policy = MAKERS[name](), sharded(MAKERS[name](), kind)
    for one in (whole, policy):
        one.optimizer = torch.optim.SGD([p for p in one.model.parameters() if p.requires_grad], lr=0.05)
    return whole, policy


def learn(*policies: Any) -> None:
    """One step of plain gradient descent, on the same batch on every rank."""
    for policy in policies:
        batch = policy.encoder.collate(VARIED[:4], [policy.encoder.response_ids("Answer: 7")] * 4)
        policy.model(**batch).loss.backward()
        policy.optimizer.step()
        policy.optimizer.zero_grad()


def equal(ours: Iterable[tuple[str, Tensor]], theirs: Iterable[tuple[str, Tensor]], tolerance: float) -> bool:
    """Whether two streams have the same names, and the same tensors within the tolerance."""
    left, right = ({name: tensor.clone() for name, tensor in stream} for stream in (ours, theirs))
    return left.keys() == right.keys() and all(torch.allclose(left[n], right[n], rtol=0, atol=tolerance) for n in left)


def weights_job(folder: Path) -> Iterator[tuple[str, bool]]:
    """What leaves a sharded model is what leaves the same model whole."""
    for kind in ("fsdp1", "fsdp2"):
        for name in MAKERS:
            whole, policy = pair(name, kind)
            yield f"{kind} {name} digest", weights.digest(policy.model) == weights.digest(whole.model)
            for step in range(2):
                for merge in (True, False):
                    ours, theirs = (weights.stream(p.model, merge) for p in (policy, whole))
                    yield f"{kind} {name}, merge={merge}, step {step}", equal(ours, theirs, 1e-6)
                learn(policy, whole)
            target = folder / f"{kind}-{name}" if dist.get_rank() == 0 else None
            yield f"{kind} {name} bytes", weights.write(policy.model, target) == weights.write(whole.model, None)
            if target:
                written = load_file(target / "model-00001.safetensors").items()
            yield f"{kind} {name} file", not target or equal(written, weights.stream(whole.model), 1e-6)
            if name == "lora":
                weights.write_adapter(policy.model, target)
                weights.write_adapter(whole.model, folder / f"whole-{dist.get_rank()}")
            if name == "lora" and target:
                adapters = (load_file(f / "adapter_model.safetensors").items() for f in (target, folder / "whole-0"))
            yield f"{kind} {name} adapter", name == "full" or not target or equal(*adapters, 1e-6)


def samples_well(engine: Sampler, policy: Any, whole: Any) -> bool:
    """Whether an engine with the policy continues this rank's problems as the whole model does."""
    engine.load_policy(policy)  # with check: always
    mine = VARIED[:5] if dist.get_rank() == 0 else VARIED[5:13]  # not equally many
    return greedy(engine, mine) == greedy(reference(whole), mine)


def engines_job(folder: Path) -> Iterator[tuple[str, bool]]:
    """Engines of every kind on two ranks, one after the other."""
    own = VLLMSampler(in_process=True, check="always", tolerance=1e-3, **OPTIONS)
    for kind in ("fsdp1", "fsdp2"):
        for name in MAKERS:
            whole, policy = pair(name, kind)
            yield f"{kind} {name}", samples_well(own, policy, whole)
            learn(policy, whole)
            yield f"{kind} {name}, after a step", samples_well(own, policy, whole)
    own.close()
    dist.barrier()  # the trainer's process group outlives its guests

    shared = VLLMSampler(in_process=True, tensor_parallel_size=2, check="always", tolerance=1e-3, **OPTIONS)
    for seed in (0, 1):
        policy = make_policy(seed, **PAIRED)
        yield f"two ranks, one engine, weights {seed}", samples_well(shared, policy, policy)
    shared.close()
    dist.barrier()

    child = VLLMSampler(sync="adapter", check="always", tolerance=1e-3, **OPTIONS)
    whole, policy = pair("lora", "fsdp2")
    yield "child, adapter alone", samples_well(child, policy, whole)
    learn(policy, whole)
    yield "child, adapter alone, after a step", samples_well(child, policy, whole)
    child.close()
    try:
        VLLMSampler(tensor_parallel_size=2, **OPTIONS).load_policy(whole)
    except ValueError as error:
        yield "children cannot share an engine", "set in_process: true" in str(error)

    yield "what rank zero found is everybody's", on_rank_zero(dist.get_rank) == 0
    try:
        on_rank_zero(lambda: 1 // 0)
    except (RuntimeError, ZeroDivisionError) as error:  # the error itself there, what it says elsewhere
        yield "its failure, too", "by zero" in str(error)


def division_job(folder: Path) -> Iterator[tuple[str, bool]]:
    """A queue gives every piece to one rank; who has taken a long one gets fewer."""
    for name in ("first", "second"):
        taken = gather(list(take(range(20), name)))
        yield f"{name}: every piece once", sorted(piece for part in taken for piece in part) == list(range(20))
    mine = []
    for piece in take(range(10), "uneven"):
        mine.append(piece)
        if dist.get_rank() == 0:
            break  # busy with its first piece while the others go on
    taken = gather(mine)
    yield "uneven: the others take what a busy rank does not", len(taken[0]) <= 1 and sum(map(len, taken)) == 10
    dealt = gather(list(take(range(7), "dealt", shared=False)))
    yield "dealt beforehand", dealt == [[0, 3, 6], [1, 4], [2, 5]]
    yield "gathered in the order of ranks", gather(dist.get_rank()) == [0, 1, 2]
