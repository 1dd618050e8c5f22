"""Jobs for several real processes (see ranks.py): trained under every strategy, gone on with, loaded by units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Trainer, seed_everything
from safetensors.torch import load_file
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP1
from torch.distributed.fsdp.wrap import enable_wrap, wrap
from torch.distributed.tensor import DTensor

from lit_mstar.callbacks import OptimizerState, StartingWeights
from lit_mstar.commands.convert import convert
from lit_mstar.models.sharding import FSDP2Strategy, Sharding
from lit_mstar.modules.gradients import rescale, squared_norms
from lit_mstar.rollouts.nouns import SamplingParams
from support.strategies import (
    CASES,
    PROBLEMS,
    RANK,
    RANKS,
    SAVED,
    GlobalBatches,
    Watch,
    distance,
    fit,
    make,
    weights_of,
)


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """How far two runs are apart."""
    curve = expected["curve"]
    return {
        "start": distance(found["start"], expected["start"]),
        "end": distance(found["end"], expected["end"]),
        "moved": distance(found["end"], found["start"]),
        "loss": max(abs(found["curve"][s][0] - curve[s][0]) for s in curve),
        "norm": max(abs(found["curve"][s][1] / curve[s][1] - 1) for s in curve),
        "steps": sorted(found["curve"]) == sorted(curve),
        "tokens": found.get("tokens") == expected.get("tokens"),
        "metrics": max((abs(found["metrics"][n] - x) for n, x in expected["metrics"].items()), default=0.0),
        "sharded": len(found["sharded"]),
        "weights": len(expected["end"]),
    }


def equal_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """Each case under DDP and FSDP2, against the single process's run."""
    for case in CASES:
        expected = torch.load(folder / f"{case}.pt", weights_only=False)
        if case in ("full", "lora"):
            yield f"{case} ddp", differences(fit(case, folder, "ddp"), expected)
        yield f"{case} fsdp2", differences(fit(case, folder, FSDP2Strategy()), expected)
    expected = torch.load(folder / "full.pt", weights_only=False)
    yield "full fsdp2 accumulated", differences(fit("full", folder, FSDP2Strategy(), accumulate=2), expected)
    half = Sharding(param_dtype="bfloat16", reduce_dtype="float32", cpu_offload=True, reshard_after_forward=False)
    yield "half", differences(fit("full", folder, FSDP2Strategy(), sharding=half), expected)
    for strategy in ("ddp", FSDP2Strategy()):
        yield f"poisoned {type(strategy).__name__}", poisoned(folder, strategy)


def poisoned(folder: Path, strategy: Any) -> str:
    """What this rank says when the last rank's data make no number, if its weights are as they were."""
    module, watch = make("full", folder), Watch()
    step = module.training_step
    module.training_step = lambda batch, batch_idx: step(batch, batch_idx) * (torch.nan if RANK == RANKS - 1 else 1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    trainer = Trainer(accelerator="cpu", devices=RANKS, strategy=strategy, callbacks=[watch], **quiet)
    try:
        trainer.fit(module, GlobalBatches(module))
    except FloatingPointError as error:
        same = distance(weights_of(module), watch.start) == 0
        return str(error) if same else "the weights have changed"
    return "no error"


def checkpoints_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """A second epoch after any kind of checkpoint, and what a finished stage leaves behind."""
    for case, kinds in SAVED.items():
        expected = torch.load(folder / f"{case}.pt", weights_only=False)
        for kind in kinds:
            sharded = kind == "sharded"
            home, saved = folder / f"{case}-{kind}", folder / f"{case}-{kind}/checkpoints/epoch=0.ckpt"
            fit(case, folder, FSDP2Strategy(save_distributed_checkpoint=sharded), home=home, finish=True, epochs=1)
            assert saved.is_dir() == sharded
            if RANK == 0:
                convert(saved, folder / f"{case}-from-{kind}.ckpt")
            dist.barrier()
            sources = {kind: saved, f"converted {kind}": folder / f"{case}-from-{kind}.ckpt"}
            if kind == kinds[0]:
                sources["single"] = folder / f"single-{case}/checkpoints/epoch=0.ckpt"
            for name, source in sources.items():
                options = {"resume": str(source), "home": folder / "resumed", "limit_val_batches": 0}
                found = fit(case, folder, FSDP2Strategy(save_distributed_checkpoint=sharded), **options)
                yield f"{case} {name}", distance(found["end"], expected["end"])
    for case, sharded in (("full", False), ("lora", True)):
        for name, difference in begun_anew(case, folder, sharded).items():
            yield f"{case} begun anew, {name}", difference


def begun_anew(case: str, folder: Path, sharded: bool) -> dict[str, float]:
    """How far the second epoch of two, resumed, is from the first: both begin anew, and data are the same."""
    home = folder / f"{case}-anew"
    for epochs, resume in ((1, None), (2, home / "checkpoints/epoch=0.ckpt")):
        strategy = FSDP2Strategy(save_distributed_checkpoint=sharded)
        anew = [StartingWeights("initial"), OptimizerState("reset")]
        found = fit(case, folder, strategy, callbacks=anew, epochs=epochs, resume=resume, home=home)
    first = torch.load(folder / f"{case}.pt", weights_only=False)["curve"]
    saved = torch.load(folder / f"single-{case}/checkpoints/epoch=0.ckpt", weights_only=True)["state_dict"]
    return {
        "end": distance(found["end"], {name: saved[name] for name in found["end"]}),
        "loss": max(abs(found["curve"][3 + step][0] - first[step][0]) for step in (1, 2, 3)),
    }


def local_bytes(model: torch.nn.Module) -> int:
    """Memory behind the parameters on this rank."""
    local = [p.to_local() if isinstance(p, DTensor) else p for p in model.parameters()]
    return sum({p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in local}.values())


def loaded(case: str, folder: Path, shard: Any) -> tuple[Any, int]:
    """A module whose model is made of units by `shard`, and the most memory that its weights took meanwhile."""
    module, roots, peak = make(case, folder), [], 0
    prepared = module.backbone._prepared
    module.backbone._prepared = lambda model, **options: roots.append(prepared(model, **options)) or roots[0]

    def counted(unit: torch.nn.Module) -> torch.nn.Module:
        nonlocal peak
        peak = max(peak, local_bytes(roots[0]))
        return shard(unit)

    with enable_wrap(wrapper_cls=FSDP1, device_id=torch.device("cpu"), use_orig_params=True):
        module.model = module.backbone.load_sharded(counted)
    del module.backbone._prepared
    return module, peak


def learn(module: Any) -> tuple[float, float]:
    """One step of plain descent on the whole first global batch, on each rank; the sum of losses, the norm."""
    module.model.train()
    rows = list(enumerate(PROBLEMS.problems("train")))[:4]
    loss = module.training_step(GlobalBatches(module)._collate(rows), 0)
    loss.backward()
    whole, shards = squared_norms(module, torch.device("cpu"))
    if RANKS > 1:
        dist.all_reduce(shards)
    rescale(module, 0.1)
    torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1).step()
    return float(loss), float(whole + shards) ** 0.5


def responses(module: Any) -> list[list[int]]:
    """Greedy tokens of this rank's problems, not equally many on all ranks."""
    mine = PROBLEMS.problems("test")[: 1 + 2 * RANK]
    module.sampler.load_policy(module)
    found = dict(module.sampler.sample(mine, SamplingParams(n=1, temperature=0.0, max_tokens=8)))
    return [found[i].responses[0].token_ids for i in range(len(mine))]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """What is in a folder's safetensors files."""
    return {name: value for file in sorted(folder.glob("*.safetensors")) for name, value in load_file(file).items()}


def units_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """Loading, learning, sampling and exporting with units of FSDP1 and of FSDP2, beside the whole model."""
    for kind, shard in (("fsdp1", wrap), ("fsdp2", fully_shard)):
        for case in ("full", "lora") if kind == "fsdp1" else ("lora",):
            plain, (module, peak) = make(case, folder), loaded(case, folder, shard)
            seed_everything(5, verbose=False)
            plain.model = plain.backbone.load_model()
            unit = FSDP1 if kind == "fsdp1" else FSDPModule
            seen = {
                "units": sum(isinstance(m, unit) for m in module.modules()),
                "root": isinstance(module.model, unit),
                "peak": peak / local_bytes(plain.model),
                "kept": local_bytes(module.model) / local_bytes(plain.model),
                "start": distance(weights_of(module.model), weights_of(plain.model)),
                "fingerprint": module.fingerprint() == plain.fingerprint(),
                "mode": (module.sampler.load_policy(module), module.model.training)[1],
            }
            for step in range(2):
                ours, theirs = learn(module), learn(plain)
                seen[f"loss {step}"], seen[f"norm {step}"] = (abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))
            seen["end"] = distance(weights_of(module.model), weights_of(plain.model))
            seen["tokens"] = responses(module) == responses(plain)
            module.save(folder / f"{kind}-{case}" if RANK == 0 else None)
            dist.barrier()
            whole = folder / f"whole-{kind}-{case}"
            plain.save(whole)  # transformers writes on rank zero only
            dist.barrier()
            seen["export"] = distance(tensors(folder / f"{kind}-{case}"), tensors(whole))
            yield f"{kind} {case}", seen
