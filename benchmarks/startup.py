"""How long the command takes to say something, as ratios to importing Lightning, which it cannot do without.

    python benchmarks/startup.py

Each turn is a process of its own. With `--all`, a table of more commands follows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

import pairs
import torch
from stages import QUICKSTART

STAGE = str(QUICKSTART / "4-evolve.yaml")
LIT_MSTAR = [sys.executable, "-m", "lit_mstar"]
PEER = "python -c 'import lightning.pytorch'"
IMPORT = [sys.executable, "-c", "import lightning.pytorch"]
PRINT_CONFIG = [*LIT_MSTAR, "fit", "--config", STAGE, "--print_config"]
MORE = {
    "lit-mstar fit --help": [*LIT_MSTAR, "fit", "--help"],
    "lit-mstar fit --help PRMFilter": [*LIT_MSTAR, "fit", "--help", "PRMFilter"],
    "lit-mstar serve --help": [*LIT_MSTAR, "serve", "--help"],
    "lit-mstar fit, a key misspelled": [*LIT_MSTAR, "fit", "--config", STAGE, "--trainer.max_epoch", "3"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--all", action="store_true", help="more commands, as a table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for what, command, bar in (("--help", [*LIT_MSTAR, "--help"], 0.1), ("fit --print_config", PRINT_CONFIG, 1.2)):
        about = {"pairs": options.pairs, "unit": "seconds"}
        pairs.compare(
            f"start, lit-mstar {what}", lambda c=command: seconds(c), lambda: seconds(IMPORT), bar, PEER, **about
        )
    if options.all:
        print("| command | seconds |\n|---|---|")
        for name, command in MORE.items():
            print(f"| `{name}` | {median(seconds(command) for _ in range(options.pairs)):.2f} |")


if __name__ == "__main__":
    main()
