"""TRL's `SFTTrainer` on examples with images, turn by turn: a process of the environment that TRL is installed in.

    python benchmarks/peers/trl_sft.py FOLDER '{"batch_size": 16, "steps": 8, "skip": 2, "device": "cpu", "lora": null}'

FOLDER holds a model with its processor, and `examples.json`: question, response and image, base64. Each line on stdin
is a turn: a training run from the same weights, answered by a line of JSON with the seconds of its steps but for the
first few, and with the bytes by which the process has grown at its largest since before the model was there.
"""

from __future__ import annotations

import base64
import io
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from PIL import Image
from resident import resident
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):  # type: ignore[misc]
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ends.append(time.perf_counter())


def example(row: dict[str, str]) -> dict[str, Any]:
    """A row as TRL wants it."""
    image = Image.open(io.BytesIO(base64.b64decode(row["image"]))).convert("RGB")
    content = [{"type": "image"}, {"type": "text", "text": row["question"]}]
    answer = [{"type": "text", "text": row["response"]}]
    turns = {"prompt": [{"role": "user", "content": content}], "completion": [{"role": "assistant", "content": answer}]}
    return turns | {"images": [image]}


def train(folder: Path, options: dict[str, Any]) -> dict[str, float]:
    """A run; nothing is recomputed and nothing is in fewer bits, as on the other side."""
    rows = [example(row) for row in json.loads((folder / "examples.json").read_text())]
    dataset = Dataset.from_list(rows)
    processor = AutoProcessor.from_pretrained(folder)
    before, clock = resident(), Clock()
    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out,
            per_device_train_batch_size=options["batch_size"],
            max_steps=options["steps"],
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=options["device"] == "cpu",
            max_length=None,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32),
            config,
            train_dataset=dataset,
            processing_class=processor,
            peft_config=LoraConfig(**options["lora"]) if options["lora"] else None,
            callbacks=[clock],
        )
        trainer.train()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return {"seconds": clock.ends[-1] - clock.ends[options["skip"] - 1], "grown": grown}


def main() -> None:
    """Answers each line."""
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    if (folder / "small").exists():  # what is imported on the way counts for nobody
        train(folder / "small", options)
    for _ in sys.stdin:
        torch.manual_seed(0)
        print(json.dumps(train(folder, options)), file=answers, flush=True)


if __name__ == "__main__":
    main()
