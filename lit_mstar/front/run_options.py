"""Options of commands that make runs and look at them."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from lit_mstar.front.parser import Parser, existing, positive


def init() -> ArgumentParser:
    """`lit-mstar init`."""
    parser = Parser(
        prog="lit-mstar init",
        description="Writes a recipe for your data: four stages, a recipe.yaml with what they share, and a CPU trial.",
    )
    parser.add_argument("folder", type=Path, help="where the recipe goes; must not exist")
    parser.add_argument("--data", type=existing, required=True, help="a file, a folder of files by split, or a config")
    parser.add_argument("--validate", type=existing, help="validation problems; held out of the data by default")
    parser.add_argument("--test", type=existing, help="test problems; held out of the data by default")
    parser.add_argument("--model", required=True, help="a model's folder, or its name on the hub")
    parser.add_argument("--trial-model", help="a smaller one for the trial (default: SmolVLM-256M-Instruct)")
    parser.add_argument("--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="question=… answer=… images=…")
    return parser


def data() -> ArgumentParser:
    """`lit-mstar data`."""
    parser = Parser(
        prog="lit-mstar data",
        description="Counts, answer types, sizes, lengths, duplicates, overlaps, and what cannot be used.",
    )
    parser.add_argument("what", choices=["stats"])
    parser.add_argument("source", type=existing, help="a recipe's folder, a stage's config, a data file or a folder")
    parser.add_argument("--model", help="counts tokens and shows prompts as it gets them; the recipe's by default")
    parser.add_argument("--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="question=… answer=… images=…")
    parser.add_argument("--html", type=Path, help="a file for a page of examples with pictures")
    parser.add_argument("--run", type=existing, help="a run whose responses the page shows, too")
    parser.add_argument("--examples", type=int, default=24, help="on the page (default: 24)")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    return parser


def run() -> ArgumentParser:
    """`lit-mstar run`."""
    parser = Parser(prog="lit-mstar run", description="Run all stages of a recipe in order.")
    parser.add_argument("recipe", type=existing, help="a folder of numbered stage configs: 1-warmup.yaml, …")
    parser.add_argument("--out", type=Path, help="where the run goes; where its configs say by default")
    parser.add_argument("--seed", type=int, default=0, help="seed_everything of every stage")
    parser.add_argument(
        "--config",
        type=existing,
        action="append",
        default=[],
        help="a config laid over every stage that has model options it names, such as configs/samplers/vllm.yaml",
    )
    parser.add_argument("--rerun", action="store_true", help="run changed stages and all after them anew")
    parser.add_argument("--go-on", action="store_true", help="even where a stage's result makes it pointless")
    return parser


def plan() -> ArgumentParser:
    """`lit-mstar plan`."""
    parser = Parser(
        prog="lit-mstar plan",
        description="Parameters, memory per GPU, responses, tokens and steps of a recipe, without loading weights.",
    )
    parser.add_argument("recipe", type=existing, help="a folder of numbered stage configs, or one of them")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of all machines (default: 1)")
    parser.add_argument("--memory", type=float, default=80.0, help="of each GPU, in GB of 10^9 bytes (default: 80)")
    parser.add_argument("--config", type=existing, action="append", default=[], help="a config laid over every stage")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    return parser


def study() -> ArgumentParser:
    """`lit-mstar study`."""
    parser = Parser(prog="lit-mstar study", description="Compare variants of a recipe over seeds.")
    parser.add_argument(
        "files", type=existing, nargs="+", metavar="FILE", help="a study, such as configs/studies/temperature.yaml"
    )
    parser.add_argument("--seeds", type=positive, help="how many; as the study says by default")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0; tune on seeds no study uses)")
    parser.add_argument("--jobs", type=positive, default=1, help="stages that run at the same time, one thread each")
    parser.add_argument("--store", type=Path, default=Path("runs/studies"), help="where runs go, shared by all studies")
    parser.add_argument("--out", type=Path, help="where tables and plots go; the store by default")
    parser.add_argument(
        "--power", action="store_true", help="run nothing: how many seeds it takes, by the results that --out has"
    )
    return parser


def report() -> ArgumentParser:
    """`lit-mstar report`."""
    parser = Parser(
        prog="lit-mstar report",
        description="A run as one HTML file that needs nothing else; or several, held against the first.",
    )
    parser.add_argument("run", type=existing, nargs="+", help="a run's folder, or one of its stages; finished or not")
    parser.add_argument("--out", type=Path, help="the file; by default report.html in the (first) run's folder")
    parser.add_argument("--watch", action="store_true", help="serve it on loopback and follow the run")
    parser.add_argument("--port", type=int, default=8020, help="for --watch; 0 takes a free one (default: 8020)")
    parser.add_argument(
        "--no-source",
        action="store_true",
        help="do not load the data source that the run's config names: no images, and a stranger's config runs nothing",
    )
    return parser


def compare() -> ArgumentParser:
    """`lit-mstar compare`."""
    parser = Parser(
        prog="lit-mstar compare",
        description="Second minus first on the problems that both were asked, with 95% intervals.",
    )
    parser.add_argument("first", type=existing, help="a folder that `lit-mstar test` wrote: results/<model>")
    parser.add_argument("second", type=existing, help="another")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    return parser


def regrade() -> ArgumentParser:
    """`lit-mstar regrade`."""
    parser = Parser(prog="lit-mstar regrade", description="Mark what is sampled anew.")
    parser.add_argument("run", type=existing, help="a run's folder, one of its stages, or results of benchmarks")
    parser.add_argument(
        "--config", type=existing, help="a stage config with another source or grader; the stage's own else"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would change")
    return parser
