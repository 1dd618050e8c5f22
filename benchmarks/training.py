"""A training step on the best two responses of each problem, as `fit` takes it, beside a bare loop and beside TRL.

    python benchmarks/training.py                             # a bare PyTorch loop alone
    python benchmarks/training.py --trl-python PATH/python    # and TRL's SFTTrainer, in an environment of its own

Figures are tokens a second, in steps after the first: for all ways those that separate rows would hold, each response's
and its own prompt's. Collating, with its images, counts for everybody. `of_limit` is the share of the machine's own
speed, that of a product of matrices of the step's size in the same run, at which the step computes.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from pairs import compare
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from lit_mstar import Backbone, PolicyModule, Problem, TinyBackbone
from lit_mstar.data import DigitsSource, ProblemDataModule
from lit_mstar.data.loaders import Example, PairCollator
from lit_mstar.modules.likelihood import response_nll

SIZES: dict[str, dict[str, Any]] = {
    "4 image tokens, 0.3 M weights": {},
    "64 image tokens, 4 M weights": {
        "image_size": 128,
        "hidden_size": 256,
        "num_heads": 4,
        "num_layers": 4,
        "intermediate_size": 768,
    },
}
OPTIMIZER = partial(torch.optim.AdamW, lr=2e-5, fused=True)  # TRL's own, for everybody
PEER = Path(__file__).parent / "peers" / "trl_sft.py"


class Pairs(ProblemDataModule):
    """Two responses to each problem.

    Args:
        examples: All of them.
        **loading: As for `ProblemDataModule`.
    """

    def __init__(self, examples: list[Example], **loading: Any) -> None:
        super().__init__(DigitsSource(train=1, validate=0, test=0), check_images=False, **loading)
        self.examples = examples

    def train_dataloader(self) -> Any:
        return self.example_loader(self.examples)


class Clock(Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


class Bench:
    """The ways to train a model on the same examples.

    Args:
        folder: Of the model.
        options: The command's.
    """

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options, self.skip = folder, options, 2
        self.backbone = Backbone(str(folder))
        self.problems = DigitsSource(seed=options.batch * options.steps // 2, train=1).problems("seed")
        encoder = self.backbone.encoder
        self.texts = [(p, text) for p in self.problems for text in (str(p.reasoning), other(str(p.reasoning)))]
        self.examples: list[Example] = [(p, encoder.response_ids(text)) for p, text in self.texts]
        batch = PairCollator(encoder)(self.examples[: 2 * options.batch])
        self.tokens = float(batch["attention_mask"].sum()) / (2 * options.batch)  # of an example
        (folder / "examples.json").write_text(json.dumps([peers_row(p, text) for p, text in self.texts]))

    def rate(self, seconds: float) -> float:
        """Tokens a second over the steps that count."""
        return (self.options.steps - self.skip) * self.options.batch * self.tokens / seconds

    def ours(self, share: bool = True) -> float:
        """`Trainer.fit` with the policy and its DataModule's loader."""
        clock = Clock()
        policy = PolicyModule(Backbone(str(self.folder)), optimizer=OPTIMIZER)
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(
            accelerator="gpu" if self.options.device == "cuda" else "cpu",
            devices=1,
            max_steps=self.options.steps,
            enable_model_summary=False,
            callbacks=[clock],
            **quiet,  # type: ignore[arg-type]
        )
        trainer.fit(policy, datamodule=Pairs(self.examples, batch_size=self.options.batch, share_prompts=share))
        return self.rate(clock.ends[-1] - clock.ends[self.skip - 1])

    def bare(self) -> float:
        """The least that a user would write."""
        model: Any = self.backbone.load_model().to(self.options.device).train()
        collate = PairCollator(Backbone(str(self.folder), prompt_memory=0).encoder)
        loader = DataLoader(self.examples, self.options.batch, shuffle=True, collate_fn=collate)  # type: ignore[arg-type, var-annotated]
        optimizer, ends = OPTIMIZER(model.parameters()), []
        for batch in loader:
            loss = model(**{name: value.to(self.options.device) for name, value in batch.items()}).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()  # somebody looks at it
            ends.append(time.perf_counter())
        return self.rate(ends[-1] - ends[self.skip - 1])

    def limit(self, rate: float) -> float:
        """At what share of the machine's speed a step with this rate computes."""
        model: Any = self.backbone.load_model().to(self.options.device).train()
        batch = PairCollator(self.backbone.encoder, share=True)(self.examples[: self.options.batch])
        with FlopCounterMode(display=False) as counted:
            response_nll(model, batch)[0].backward()
        rows, width = batch["input_ids"].numel(), model.config.get_text_config().hidden_size
        least = counted.get_total_flops() / matmul_rate(rows, width, self.options.device)
        return least / (self.options.batch * self.tokens / rate)


def other(reasoning: str) -> str:
    """A second response: the same chain in other words."""
    return (
        reasoning.replace(" is ", " looks like ") if " is " in reasoning else reasoning.replace(" looks like ", " is ")
    )


def peers_row(problem: Problem, text: str) -> dict[str, str]:
    """An example for a process that knows nothing of ours."""
    (image,) = problem.images
    assert isinstance(image, bytes)  # noqa: S101
    return {"question": problem.question, "response": text, "image": base64.b64encode(image).decode()}


def matmul_rate(rows: int, width: int, device: str) -> float:
    """Floating-point operations a second of (rows, width) times (width, 3·width), the best of many."""
    a, b = torch.randn(rows, width, device=device), torch.randn(width, 3 * width, device=device)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * rows * width * 3 * width / min(times)


@contextmanager
def trl(python: str, folder: Path, **options: Any) -> Iterator[Any]:
    """Calls that train once with TRL and return what its process says; it lives as long as the block."""
    line = [python, str(PEER), str(folder), json.dumps(options)]
    with subprocess.Popen(  # noqa: S603
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:

        def turn() -> dict[str, float]:
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
            print(file=process.stdin, flush=True)
            if not (said := process.stdout.readline()):
                raise RuntimeError(f"TRL's process ended with {process.wait()}; run it by hand: {line}")
            return dict(json.loads(said))

        yield turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model's folder instead of the two tiny ones")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, default=16, help="examples, two a problem")
    parser.add_argument("--steps", type=int, default=8, help="in a turn; the first two do not count")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--trl-python", help="the interpreter of an environment with TRL")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for name, size in {str(options.model): {}}.items() if options.model else SIZES.items():
        with tempfile.TemporaryDirectory() as temporary:
            torch.manual_seed(0)
            corpus = [f"{p.question}\n{p.reasoning}" for p in DigitsSource(seed=50, train=1).problems("seed")]
            backbone: Backbone = Backbone(str(options.model)) if options.model else TinyBackbone(corpus, **size)
            backbone.save(backbone.load_model(), Path(temporary))
            _rows(Bench(Path(temporary), options), name, options)


def _rows(bench: Bench, name: str, options: argparse.Namespace) -> None:
    about: dict[str, Any] = {"size": name, "unit": "tokens/s", "batch": options.batch, "device": options.device}
    about |= {"of_limit": bench.limit(max(bench.ours() for _ in range(2)))}
    loop, separate = "a bare PyTorch loop", lambda: bench.ours(share=False)
    compare("training step, a row for each response", separate, bench.bare, 0.98, loop, "more", options.pairs, **about)
    compare("training step", bench.ours, bench.bare, 0.98, loop, "more", options.pairs, **about)
    if options.trl_python:
        asked = {"batch_size": options.batch, "steps": options.steps, "skip": bench.skip, "device": options.device}
        with trl(options.trl_python, bench.folder, **asked, lora=None) as turn:
            peer = "TRL SFTTrainer"
            compare(
                "training step",
                bench.ours,
                lambda: bench.rate(turn()["seconds"]),
                1.5,
                peer,
                "more",
                options.pairs,
                **about,
            )


if __name__ == "__main__":
    main()
