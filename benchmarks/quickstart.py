"""The quickstart's figures over several seeds, as the Markdown table in the README.

    python benchmarks/quickstart.py --seeds 0 1 2 --jobs 2

For every seed: the quickstart, its control, and stage 4 once more with Random-2 in the place of the PRM's Top-2 (from
the same stages 1 to 3). Complete runs are not repeated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import yaml

from lit_mstar.front.recipe import read_config

CONFIGS = Path(__file__).parents[1] / "configs"
COLUMNS = {
    "warmup": "accuracy after warmup, %",
    "evolved": "evolved, %",
    "control": "control, %",
    "auroc": "PRM step AUROC",
    "ece": "PRM step ECE",
    "top2": "faithful, Top-2, %",
    "random2": "faithful, Random-2, %",
    "evolved_random2": "evolved, Random-2, %",
    "minutes": "minutes",
}


def lit_mstar_run(recipe: Path, out: Path, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "lit_mstar", "run", str(recipe), "--out", str(out), "--seed", str(seed)]
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.txt").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log)  # noqa: S603
    return dict(json.loads((out / "summary.json").read_text()))


def random_recipe(folder: Path) -> Path:
    """The quickstart with another selection."""
    recipe = folder / "quickstart-random"
    shutil.copytree(CONFIGS / "quickstart", recipe, dirs_exist_ok=True)
    evolve = read_config(CONFIGS / "quickstart" / "4-evolve.yaml")
    prm_filter = next(c for c in evolve["trainer"]["callbacks"] if c["class_path"].endswith("PRMFilter"))
    prm_filter["init_args"]["selection"] = {"class_path": "lit_mstar.rewards.RandomK", "init_args": {"k": 2}}
    (recipe / "4-evolve.yaml").write_text(yaml.safe_dump(evolve, sort_keys=False))
    return recipe


def measure(seed: int, out: Path) -> dict[str, float]:
    quick = lit_mstar_run(CONFIGS / "quickstart", out / f"quickstart-{seed}", seed)
    control = lit_mstar_run(CONFIGS / "quickstart-control", out / f"control-{seed}", seed)
    random_out = out / f"random-{seed}"
    for stage in list(quick["stages"])[:3]:
        shutil.copytree(out / f"quickstart-{seed}" / stage, random_out / stage, dirs_exist_ok=True)
    random = lit_mstar_run(random_recipe(out / f"recipes-{seed}"), random_out, seed)
    return {
        "warmup": 100 * quick["test_accuracy_before"],
        "evolved": 100 * quick["test_accuracy_after"],
        "control": 100 * control["test_accuracy_after"],
        "auroc": quick["prm"]["step_auroc"],
        "ece": quick["prm"]["step_ece"],
        "top2": 100 * fmean(row["faithful_kept"] for row in quick["iterations"]),
        "random2": 100 * fmean(row["faithful_kept"] for row in random["iterations"]),
        "evolved_random2": 100 * random["test_accuracy_after"],
        "minutes": sum(stage["seconds"] for stage in quick["stages"].values()) / 60,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="seeds measured at the same time, one thread each")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"))
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(lambda seed: measure(seed, options.out), options.seeds))
    print("| seed | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for seed, row in zip(options.seeds, rows, strict=True):
        print(f"| {seed} | " + " | ".join(_cell(name, row[name]) for name in COLUMNS) + " |")
    if len(rows) > 1:
        for label, statistic in (("mean", fmean), ("spread (standard deviation)", stdev)):
            cells = (_cell(name, statistic([row[name] for row in rows])) for name in COLUMNS)
            print(f"| {label} | " + " | ".join(cells) + " |")


def _cell(name: str, value: float) -> str:
    return f"{value:.3f}" if name in ("auroc", "ece") else f"{value:.1f}"


if __name__ == "__main__":
    main()
