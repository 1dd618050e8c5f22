"""How long a page of N responses takes, against reading their files alone; how large it is, and how fast it opens.

    python benchmarks/report.py --responses 10000 1000000

The responses are random words (which compress badly), 16 to a problem, in 8 iterations. Opening it needs Chromium and
playwright.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.rollouts.parquet import SCHEMA

N, ITERATIONS, STEPS, WORDS = 16, 8, 4, 25
_MAKE = "import sys; from lit_mstar.report.command import main; main(sys.argv[1:])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, nargs="+", default=[10_000])
    options = parser.parse_args()
    print("| responses | page, s | reading alone, s | ratio | page, MB | memory, GB | opens, s |\n" + "|---" * 7 + "|")
    for responses in options.responses:
        with TemporaryDirectory() as name:
            run = Path(name) / "run"
            write(run / "4-evolve", responses)
            print(row(run, responses), flush=True)


def row(run: Path, responses: int) -> str:
    start = time.monotonic()
    for file in run.rglob("*.parquet"):
        with pq.ParquetFile(file) as rows:
            for group in range(rows.num_row_groups):
                rows.read_row_group(group)
    reading = time.monotonic() - start
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", _MAKE, str(run)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    making = time.monotonic() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    page = run / "report.html"
    size = page.stat().st_size / 1e6
    figures = [making, reading, making / reading, size, memory]
    return f"| {responses:,} | {' | '.join(f'{figure:.1f}' for figure in figures)} | {opens(page)} |"


def opens(page: Path) -> str:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return "-"
    if not (found := shutil.which("chromium")):
        return "-"
    with sync_playwright() as driver:
        tab = driver.chromium.launch(executable_path=found, args=["--no-sandbox"]).new_page()
        start = time.monotonic()
        tab.goto(page.as_uri())
        tab.wait_for_selector("body[data-ready]")
        return f"{time.monotonic() - start:.1f}"


def write(stage: Path, responses: int) -> None:
    random = np.random.default_rng(0)
    words = [f"w{number}" for number in random.integers(0, 10**6, 20_000)]
    problems = responses // N // ITERATIONS
    stage.mkdir(parents=True)
    (stage / "config.yaml").write_text("trainer: {}\n")
    for index in range(ITERATIONS):
        folder = stage / "rollouts" / f"iteration={index:04d}"
        folder.mkdir(parents=True)
        sampling = {"n": N, "temperature": 1.0, "seed": index}
        (folder / "_iteration.json").write_text(json.dumps({"index": index, "sampling": sampling, "metrics": {}}))
        with pq.ParquetWriter(folder / "rollouts.parquet", SCHEMA) as file:
            for start in range(0, problems, 32):
                names = [f"p{index % 4 * problems + number}" for number in range(start, min(problems, start + 32))]
                rows = [response(name, j, words, random) for name in names for j in range(N)]
                file.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))


def response(problem: str, index: int, words: list[str], random: Any) -> dict[str, Any]:
    texts = [" ".join(words[k] for k in random.integers(0, len(words), WORDS)) for _ in range(STEPS)]
    steps = [f"Step {number}: {text}" for number, text in enumerate(texts, start=1)]
    right = bool(random.random() < 0.5)
    return {
        "problem_id": problem,
        "question": "What is it?",
        "reference": "12",
        "index": index,
        "text": "\n".join([*steps, "Answer: 12"]),
        "token_ids": list(range(200)),
        "finish_reason": "stop",
        "temperature": 1.0,
        "steps": steps,
        "answer": "12" if right else str(random.integers(10)),
        "correct": right,
        "rule": "same text",
        "step_scores": [float(score) for score in random.random(STEPS)],
        "score": float(random.random()),
        "selected": right and index < 2,
    }


if __name__ == "__main__":
    main()
