"""What step labels cost, how wrong they are, and how good a reward model they make: ways to label, one against another.

    python benchmarks/step_labels.py --seeds 3 --repeats 3 --out runs/benchmark/step_labels

Three digits, mixed questions (configs/three-digits). For each seed, the policy is warmed up once; each way labels the
same 1,600 problems with it; each of `--repeats` reward models is trained on each way's labels with a seed of its own.
All are judged by the truth, on responses to 1,500 problems in handwriting that nobody was trained on (AUROC over
steps). Differences from the first way are paired by seed and repeat; their intervals are Student's over seeds' means
where there are three or more, and over repeats within.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from lit_mstar import Backbone, ProcessRewardModule, Rollout
from lit_mstar.data import DigitsSource
from lit_mstar.reasoning.marking import Marker
from lit_mstar.samplers import SamplingParams, TransformersSampler
from lit_mstar.step_labels import Drawing, Labeller

CONFIGS = Path(__file__).parents[1] / "configs" / "three-digits"
ANNOTATE, PRM = "--model.init_args.drawing.", "--model.init_args."
HARD = [f"{PRM}labels=hard", f"{PRM}balance=true"]
# Name: how steps are labelled, and how a reward model learns that.
PROBLEMS, COMPLETIONS = "--data.init_args.source.init_args.train=", "--model.init_args.completions.n="
ALL = [f"{ANNOTATE}until=all", f"{COMPLETIONS}4", f"{PROBLEMS}1600"]
FIRST = [f"{ANNOTATE}until=success", f"{COMPLETIONS}2"]
SHORT, LONG = (
    [f"{PRM}lr_scheduler.init_args.decay_start={start}", f"{PRM}lr_scheduler.init_args.decay_steps={2 * start}"]
    for start in (200, 600)
)
WAYS: dict[str, tuple[list[str], list[str]]] = {
    "K = 4, all; soft (before)": (ALL, [f"{PRM}labels=soft", f"{PRM}balance=false", *SHORT]),
    "K = 4, all; hard, balanced": (ALL, [*HARD, *SHORT]),
    "K = 2, first success; hard, balanced": ([*FIRST, f"{PROBLEMS}1600"], [*HARD, *SHORT]),
    "K = 2, first success, by halves; hard, balanced": (
        [*FIRST, f"{ANNOTATE}bisect=true", f"{PROBLEMS}1600"],
        [*HARD, *SHORT],
    ),
    "K = 2, first success, of 4,800 problems; hard, balanced": ([*FIRST, f"{PROBLEMS}4800"], [*HARD, *LONG]),
    "K = 1; hard, balanced": ([f"{ANNOTATE}until=success", f"{COMPLETIONS}1", f"{PROBLEMS}1600"], [*HARD, *SHORT]),
}
_COLUMNS = (
    *("labels; loss", "completions", "of before", "tokens", "hard labels that K = 256 changes", "error of shares"),
    *("AUROC, uncalibrated", "calibrated", "against the first"),
)


def lit_mstar(home: Path, *args: str) -> None:
    """Runs a command in a folder; what it says goes into a log."""
    with (home / "log.txt").open("a") as log:
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "lit_mstar", *args, "--quiet"], cwd=home, check=True, stdout=log, stderr=log
        )


def stage(home: Path, command: str, name: str, out: Path, options: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """A stage of the recipe with other options, unless it is done; its summary."""
    if not (out / "summary.json").exists():
        config = ["--config", str(CONFIGS / f"{name}.yaml"), "--out", str(out), "--seed_everything", str(seed)]
        lit_mstar(home, command, *config, *options)
    return dict(json.loads((out / "summary.json").read_text()))


def old_cost(folder: Path, k: int) -> int:
    """What step by step, without sharing equal prefixes, K completions each would have taken."""
    import pyarrow.parquet as pq

    rows = [row for file in folder.glob("*.parquet") for row in pq.read_table(file)["labels"].to_pylist()]
    return sum(k * next((i for i, label in enumerate(row, start=1) if label == 0), len(row)) for row in rows)


def held_out(warm: Path) -> tuple[list[Rollout], DigitsSource]:
    """Hot responses of a policy to problems that no recipe uses."""
    source = DigitsSource(num_digits=3, operations=["sum", "difference"], test=1500, random_state=4711)
    sampler = TransformersSampler(batch_size=1024)
    backbone = Backbone(str(warm))
    sampler.load_policy(SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder))
    sampling = SamplingParams(n=4, temperature=1.3, max_tokens=44, seed=99)
    found = [Marker().mark(rollout) for _, rollout in sampler.sample(source.problems("test"), sampling)]
    return found, source


def auroc(folder: Path, rollouts: list[Rollout], truth: list[bool]) -> tuple[float, float]:
    """Of scores as they are used, and of what they were before they were calibrated, as in 0.2.0."""
    prm = ProcessRewardModule.from_folder(str(folder), batch_size=1024)
    chains = [torch.tensor(row).double().logit() for of_rollout in prm.score(rollouts) for row in of_rollout]
    scale, offsets = prm.calibration.scale.double(), prm.calibration.offsets.double()
    raw = [(row - offsets[: len(row)]) / scale for row in chains]  # no chain has more steps than there are offsets
    return tuple(float(roc_auc_score(truth, torch.cat(rows))) for rows in (chains, raw))  # type: ignore[return-value]


class Exact:
    """Labels of 256 completions for a few chains of a policy, against which others are held."""

    def __init__(self, warm: Path, problems: int = 24) -> None:
        source = DigitsSource(num_digits=3, operations=["sum", "difference"], train=problems, random_state=815)
        self.sampler = TransformersSampler(batch_size=1024)
        backbone = Backbone(str(warm))
        self.sampler.load_policy(SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder))
        responses = SamplingParams(n=2, temperature=1.3, max_tokens=44, seed=5)
        drawn = self.sampler.sample(source.problems("train"), responses)
        self.chains = [(r.problem, x.text) for _, r in drawn for x in r.responses]
        self.labels = Labeller(self.sampler, SamplingParams(n=256, max_tokens=44, seed=7)).label(self.chains)

    def error(self, way: Sequence[str]) -> tuple[float, float]:
        """How often hard labels differ from the exact ones, and the root mean square error of shares."""
        given = dict(option.rpartition(".")[2].split("=") for option in way)  # until, bisect, n
        drawing = Drawing(until=given["until"], bisect=given.get("bisect") == "true")
        sampling = SamplingParams(n=int(given["n"]), max_tokens=44, seed=3)
        found = Labeller(self.sampler, sampling, drawing=drawing).label(self.chains)
        both = zip(found, self.labels, strict=True)
        mine, exact = np.array([pair for x, y in both for pair in zip(x.labels, y.labels, strict=True)]).T
        return float(((mine > 0) != (exact > 0)).mean()), float(np.sqrt(((mine - exact) ** 2).mean()))


def interval(differences: np.ndarray) -> str:
    """The mean of differences (seeds, repeats), and the half-width of its 95% interval over all of them."""
    flat = differences.ravel()
    half = float(t.ppf(0.975, len(flat) - 1)) * flat.std(ddof=1) / np.sqrt(len(flat)) if len(flat) > 1 else np.nan
    return f"{flat.mean():+.4f} ± {half:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark/step_labels"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    scores, raw = ({way: np.zeros((len(options.seeds), options.repeats)) for way in WAYS} for _ in range(2))
    costs: dict[str, list[Any]] = {way: [] for way in WAYS}
    for place, seed in enumerate(options.seeds):
        home = (options.out / f"seed-{seed}").resolve()
        home.mkdir(parents=True, exist_ok=True)
        warm = home / "runs/three-digits/1-warmup"
        stage(home, "fit", "1-warmup", warm, [], seed)
        rollouts, source = held_out(warm / "model")
        exact = Exact(warm / "model")
        truth = [x for r in rollouts for y in r.responses for x in source.judge_steps(r.problem, y.steps)]
        for number, (way, (labels, learning)) in enumerate(WAYS.items()):
            same = next(i for i, (other, _) in enumerate(WAYS.values()) if other == labels)
            made = home / f"labels-{same}"
            took = stage(
                home, "annotate", "2-annotate", made, [*labels, f"--model.init_args.folder={made}/steps"], seed
            )
            before = old_cost(home / "labels-0/steps", 4)
            costs[way].append((took["completions"], took["tokens"], before, *exact.error(labels)))
            for repeat in range(options.repeats):
                prm = home / f"prm-{number}-{repeat}"
                more = [*learning, f"--data.init_args.folder={made}/steps"]
                stage(home, "fit", "3-prm", prm, more, 100 * seed + repeat)
                found = auroc(prm / "model", rollouts, truth)
                scores[way][place, repeat], raw[way][place, repeat] = found
                print(f"seed {seed}, {way}, repeat {repeat}: {found[0]:.4f}, uncalibrated {found[1]:.4f}", flush=True)
    first = next(iter(WAYS))
    print(f"\n| {' | '.join(_COLUMNS)} |\n| --- {'| --: ' * (len(_COLUMNS) - 2)}| --- |")
    for way, found in scores.items():
        completions, tokens, before, changed, error = np.array(costs[way]).mean(0)
        cells = [
            f"{completions:,.0f}",
            f"{completions / before:.0%}",
            f"{tokens:,.0f}",
            f"{changed:.1%}",
            f"{error:.3f}",
        ]
        cells += [
            f"{raw[way].mean():.4f}",
            f"{found.mean():.4f}",
            "" if way == first else interval(found - scores[first]),
        ]
        print(f"| {way} | {' | '.join(cells)} |")
    names = list(WAYS)
    print()
    for way in (names[2], names[5]):
        print(f"{way}, against {names[1]}: {interval(scores[way] - scores[names[1]])}")
    print(f"{names[4]}, against the first, uncalibrated: {interval(scores[names[4]] - raw[first])}")


if __name__ == "__main__":
    main()
