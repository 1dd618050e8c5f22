"""How long the command takes to say something, as ratios to importing Lightning, in the same run.

    python benchmarks/startup.py --repeats 5

Each command is a process of its own; medians of wall-clock seconds, the first turn of each not counted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

STAGE = str(Path(__file__).parents[1] / "configs/quickstart/4-evolve.yaml")
LIT_MSTAR = [sys.executable, "-m", "lit_mstar"]
COMMANDS = {
    "python -c 'import lightning.pytorch'": [sys.executable, "-c", "import lightning.pytorch"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "lit-mstar --help": [*LIT_MSTAR, "--help"],
    "lit-mstar fit --help": [*LIT_MSTAR, "fit", "--help"],
    "lit-mstar fit --help PRMFilter": [*LIT_MSTAR, "fit", "--help", "PRMFilter"],
    "lit-mstar serve --help": [*LIT_MSTAR, "serve", "--help"],
    "lit-mstar fit, a key misspelled": [*LIT_MSTAR, "fit", "--config", STAGE, "--trainer.max_epoch", "3"],
    "lit-mstar fit --print_config": [*LIT_MSTAR, "fit", "--config", STAGE, "--print_config"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats + 1):  # in turns, so that all meet the same machine
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    base = median(taken["python -c 'import lightning.pytorch'"][1:])
    print("| command | seconds | of importing Lightning |\n|---|---|---|")
    for name, times in taken.items():
        print(f"| `{name}` | {median(times[1:]):.2f} | {median(times[1:]) / base:.3f} |")


if __name__ == "__main__":
    main()
