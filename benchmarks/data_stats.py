"""Seconds and peak memory of `lit-mstar data stats` on ShareGPT rows, beside those of importing the library alone.

    python benchmarks/data_stats.py --rows 100000

Rows are made up: half of them multiple choice, five for each image. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

_WORDS = ["alpha", "beta", "gamma", "delta", "triangle", "circle", "chart", "axis"]
_HINT = "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.\n"


def write_rows(folder: Path, rows: int) -> Path:
    rng = random.Random(0)
    images = max(1, rows // 5)
    (folder / "images").mkdir(parents=True)
    for i in range(images):
        buffer = io.BytesIO()
        Image.new("RGB", (64 + i % 100, 48), (i % 256, i // 256 % 256, 7)).save(buffer, format="PNG")
        (folder / "images" / f"{i}.png").write_bytes(buffer.getvalue())
    found = []
    for i in range(rows):
        text = f"In case {i}, how long is {' '.join(rng.choice(_WORDS) for _ in range(12))}?"
        options = "".join(f"\n({letter}) {i + k}" for k, letter in enumerate("ABCD"))
        asked = f"<image>\n{_HINT}Question: {text}\nChoices:{options}" if i % 2 else f"<image>\n{text}"
        turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": "B" if i % 2 else str(i)}]
        found.append({"image": f"images/{i % images}.png", "conversations": turns})
    (folder / "train.json").write_text(json.dumps(found))
    return folder / "train.json"


def measured(name: str, *arguments: str) -> dict[str, Any]:
    """A process's wall time, and the largest memory of any child so far: smaller ones must come first."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    return {"what": name, "seconds": round(seconds, 1), "peak_gb": round(peak, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        file = write_rows(Path(folder) / "data", options.rows)
        alone = measured("import", "-c", "import lit_mstar.data.inspection.command")
        stats = measured("data stats", "-m", "lit_mstar", "data", "stats", str(file))
        for line in (alone, stats | {"rows": options.rows, "file_mb": round(file.stat().st_size / 1e6, 1)}):
            print(json.dumps(line))


if __name__ == "__main__":
    main()
