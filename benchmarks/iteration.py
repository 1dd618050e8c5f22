"""One whole iteration against ms-swift: sample, mark, score, keep the best two, train on them for one epoch.

    python benchmarks/iteration.py --swift-python PATH      # the python of an environment that has ms-swift

Ours is `lit-mstar fit`, one process; theirs is what their documentation chains, `swift sample` (with an outcome and a
process reward model) and `swift sft`, two. Both begin with the same policy and the same reward model, made by the
quickstart's first stages, and ask the same problems. Two rows: with all processes' starts, as a user waits for them,
and without (theirs by the times that their log gives, which leave out the loading of models; ours with it).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pairs
import torch
import yaml
from stages import lit_mstar, shortened

from lit_mstar.data import DigitsSource
from lit_mstar.rollouts.images import open_image

PLUGIN = Path(__file__).parent / "peers" / "swift_plugin.py"
BATCH, RATE, TOKENS = 32, 1e-3, 40


def write_problems(count: int, folder: Path) -> Path:
    """The problems in ms-swift's format, with their images beside them."""
    lines = []
    for problem in DigitsSource(train=count).problems("train"):
        image = folder / f"{problem.id}.png"
        open_image(problem.images[0]).save(image)
        user = {"role": "user", "content": "<image>" + problem.question}
        messages = [user, {"role": "assistant", "content": problem.answer}]
        lines.append(json.dumps({"messages": messages, "images": [str(image)]}))
    (folder / "problems.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "problems.jsonl"


def config(models: Path, run: Path, problems: int, n: int) -> dict[str, object]:
    """One iteration and nothing else: neither validation nor test, which the peer does not do."""
    source = {"class_path": "lit_mstar.data.DigitsSource", "init_args": {"train": problems, "validate": 0, "test": 0}}
    scoring = {"class_path": "lit_mstar.callbacks.PRMFilter", "init_args": {"prm": str(models / "3-prm/model")}}
    policy = {
        "backbone": {"class_path": "lit_mstar.Backbone", "init_args": {"path": str(models / "1-warmup/model")}},
        "sampler": {"class_path": "lit_mstar.samplers.TransformersSampler", "init_args": {"batch_size": 1024}},
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": RATE}},
    }
    sampling = {"n": n, "temperature": 1.0, "max_tokens": TOKENS}
    data = {"source": source, "sampling": sampling, "interval": 1.0, "batch_size": BATCH}
    return {
        "trainer": {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 1,
            "reload_dataloaders_every_n_epochs": 1,
            "logger": False,
            "enable_progress_bar": False,
            "default_root_dir": str(run),
            "callbacks": [scoring],
        },
        "model": {"class_path": "lit_mstar.PolicyModule", "init_args": policy},
        "data": {"class_path": "lit_mstar.data.SelfEvolvingDataModule", "init_args": data},
    }


def ours(models: Path, folder: Path, problems: int, n: int) -> tuple[float, float]:
    """Seconds of `lit-mstar fit`, with its start and without."""
    with tempfile.TemporaryDirectory(dir=folder) as run:
        file = Path(run, "iteration.yaml")
        file.write_text(yaml.safe_dump(config(models, Path(run), problems, n)))
        start = time.perf_counter()
        lit_mstar("fit", "--config", str(file))
        return time.perf_counter() - start, json.loads(Path(run, "summary.json").read_text())["seconds"]


def theirs(swift: Path, models: Path, folder: Path, problems: Path, batch: int, n: int) -> tuple[float, float]:
    """Seconds of `swift sample` and `swift sft`, with their starts and without."""
    shared = ["--external_plugins", PLUGIN, "--model", models / "1-warmup/model", "--model_type", "idefics3"]
    shared += ["--template", "tiny", "--torch_dtype", "float32", "--load_from_cache_file", "false", "--use_hf", "true"]
    engine = json.dumps({"max_batch_size": 1024, "template_type": "tiny"})
    draw = ["--num_return_sequences", n, "--max_new_tokens", TOKENS, "--temperature", "1", "--top_k", "0"]
    draw += ["--top_p", "1", "--num_sampling_batch_size", batch, "--engine_kwargs", engine, "--n_best_to_keep", "2"]
    draw += ["--orm_model", "right_answer", "--prm_model", "tiny", "--override_exist_file", "true"]
    draw += ["--dataset", problems, "--output_dir", folder, "--output_file", "kept.jsonl"]
    learn = ["--tuner_type", "full", "--freeze_vit", "false", "--freeze_aligner", "false", "--num_train_epochs", "1"]
    learn += ["--per_device_train_batch_size", BATCH, "--gradient_accumulation_steps", "1", "--learning_rate", RATE]
    learn += ["--lr_scheduler_type", "constant", "--warmup_ratio", "0", "--gradient_checkpointing", "false"]
    learn += ["--split_dataset_ratio", "0", "--save_only_model", "true", "--report_to", "none", "--save_total_limit", 1]
    learn += ["--dataset", folder / "kept.jsonl", "--output_dir", folder / "trained"]
    start = time.perf_counter()
    inside = sum(run(swift, folder, [name, *shared, *own]) for name, own in (("sample", draw), ("sft", learn)))
    return time.perf_counter() - start, inside


def run(swift: Path, folder: Path, arguments: list[object]) -> float:
    """Runs a command of ms-swift's; returns the seconds between the times that it logs.

    Raises:
        RuntimeError: If it fails.
    """
    alone = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [str(swift.parent / "swift"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=alone)  # noqa: S603
    said = done.stdout + done.stderr
    times = dict(re.findall(r"(Start|End) time of running main: (\S+ \S+)", said))
    if done.returncode or len(times) != 2:
        raise RuntimeError(f"{command}\n{said[-3000:]}")
    return (datetime.fromisoformat(times["End"]) - datetime.fromisoformat(times["Start"])).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swift-python", type=Path, required=True, help="of an environment with ms-swift")
    parser.add_argument("--problems", type=int, default=128)
    parser.add_argument("-n", type=int, default=16, help="responses per problem")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--models", type=Path, help="where stages 1 to 3 are, or will be; by default made and deleted")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        models = shortened((options.models or folder / "models").resolve())
        (folder / "reward_model").symlink_to(models / "3-prm/model")
        problems = write_problems(options.problems, folder)
        turns: list[Callable[[], tuple[float, float]]] = [
            lambda: ours(models, folder, options.problems, options.n),
            lambda: theirs(options.swift_python, models, folder, problems, options.problems, options.n),
        ]
        found = []
        for turn in range(options.pairs):
            order = (0, 1) if turn % 2 else (1, 0)
            seconds = {which: turns[which]() for which in order}
            found.append((seconds[0], seconds[1]))
    about = {"problems": options.problems, "responses": options.n, "unit": "seconds", "swift": version(options)}
    for what, place in (("with the processes' starts", 0), ("without their starts", 1)):
        measured = [(mine[place], other[place]) for mine, other in found]
        pairs.row(f"whole iteration, {what}", measured, 0.15, "ms-swift: swift sample, swift sft", **about)


def version(options: argparse.Namespace) -> str:
    """Of ms-swift in its environment."""
    code = "import importlib.metadata as m; print(m.version('ms-swift'), 'on transformers', m.version('transformers'))"
    command = [str(options.swift_python), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    main()
