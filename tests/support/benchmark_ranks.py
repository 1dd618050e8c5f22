"""A benchmark on however many processes, as a job for them (see ranks.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from lit_mstar import Backbone
from lit_mstar.callbacks import BenchmarkReport, PRMFilter
from lit_mstar.data import Benchmark, BenchmarkDataModule
from lit_mstar.modules import BenchmarkModule
from lit_mstar.reasoning import RuleGrader
from lit_mstar.rollouts.nouns import SamplingParams
from support.answering import RightFor
from support.scripted import ListSource, make_trainer, sums


def benchmark_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """What each rank was asked, and the results that all of them give together."""
    ranks, rank = dist.get_world_size(), dist.get_rank()
    torch.manual_seed(0)
    log = folder / f"asked-{rank}"
    module = BenchmarkModule(
        Backbone(str(folder / "model")), RightFor(0.5, log=str(log)), evaluation=SamplingParams(max_tokens=8)
    )
    benchmark = Benchmark(name="Sums", source=ListSource(test=sums(23)), grader=RuleGrader())
    data = BenchmarkDataModule(
        [benchmark], SamplingParams(n=3, max_tokens=8), folder=folder, name="tiny", check_images=False
    )
    callbacks = [PRMFilter(str(folder / "prm")), BenchmarkReport(show=False)]
    strategy = {"devices": ranks, "strategy": "ddp" if ranks > 1 else "auto"}
    make_trainer(folder, callbacks=callbacks, **strategy).test(module, data, verbose=False)
    dist.barrier()
    yield "asked", log.read_text().splitlines() if log.exists() else []
    yield "results", json.loads((folder / "tiny" / "results.json").read_text())
