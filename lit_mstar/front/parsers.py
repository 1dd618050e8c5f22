"""The options of commands that are not Lightning's: known before what they do is imported."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import NoReturn

from lit_mstar.front.described import meant
from lit_mstar.front.inputs import nearest


class Parser(ArgumentParser):
    """Ends with one line that says what is wrong, instead of how the command is used."""

    def error(self, message: str) -> NoReturn:
        """Raises `SystemExit` with the line."""
        unknown = re.findall(r"--[\w-]+", message.partition("unrecognized arguments:")[2])
        near = meant(unknown[0], self._option_string_actions) if unknown else ""
        end = "" if message.endswith((".", "?")) else "."
        raise SystemExit(f"{message}{end}{near} ({self.prog} --help has its options.)")


def parser_of(command: str) -> ArgumentParser:
    """The parser of a command, named as on the command line."""
    return _PARSERS[command]()


def commands() -> list[str]:
    """The names of these commands."""
    return list(_PARSERS)


def _init() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar init",
        description="Writes a recipe for your data: four stages, a recipe.yaml with what they share, and a CPU trial.",
    )
    parser.add_argument("folder", type=Path, help="where the recipe goes; must not exist")
    parser.add_argument("--data", type=_existing, required=True, help="a file, a folder of files by split, or a config")
    parser.add_argument("--validate", type=_existing, help="validation problems; held out of the data by default")
    parser.add_argument("--test", type=_existing, help="test problems; held out of the data by default")
    parser.add_argument("--model", required=True, help="a model's folder, or its name on the hub")
    parser.add_argument("--trial-model", help="a smaller one for the trial (default: SmolVLM-256M-Instruct)")
    parser.add_argument("--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="question=… answer=… images=…")
    return parser


def _data() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar data",
        description="Counts, answer types, sizes, lengths, duplicates, overlaps, and what cannot be used.",
    )
    parser.add_argument("what", choices=["stats"])
    parser.add_argument("source", type=_existing, help="a recipe's folder, a stage's config, a data file or a folder")
    parser.add_argument("--model", help="counts tokens and shows prompts as it gets them; the recipe's by default")
    parser.add_argument("--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="question=… answer=… images=…")
    parser.add_argument("--html", type=Path, help="a file for a page of examples with pictures")
    parser.add_argument("--run", type=_existing, help="a run whose responses the page shows, too")
    parser.add_argument("--examples", type=int, default=24, help="on the page (default: 24)")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    return parser


def _run() -> ArgumentParser:
    parser = Parser(prog="lit-mstar run", description="Run all stages of a recipe in order.")
    parser.add_argument("recipe", type=_existing, help="a folder of numbered stage configs: 1-warmup.yaml, …")
    parser.add_argument("--out", type=Path, help="where the run goes; where its configs say by default")
    parser.add_argument("--seed", type=int, default=0, help="seed_everything of every stage")
    parser.add_argument(
        "--config",
        type=_existing,
        action="append",
        default=[],
        help="a config laid over every stage that has model options it names, such as configs/samplers/vllm.yaml",
    )
    parser.add_argument("--rerun", action="store_true", help="run changed stages and all after them anew")
    parser.add_argument("--go-on", action="store_true", help="even where a stage's result makes it pointless")
    return parser


def _plan() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar plan",
        description="Parameters, memory per GPU, responses, tokens and steps of a recipe, without loading weights.",
    )
    parser.add_argument("recipe", type=_existing, help="a folder of numbered stage configs, or one of them")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of all machines (default: 1)")
    parser.add_argument("--memory", type=float, default=80.0, help="of each GPU, in GB of 10^9 bytes (default: 80)")
    parser.add_argument("--config", type=_existing, action="append", default=[], help="a config laid over every stage")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    return parser


def _study() -> ArgumentParser:
    parser = Parser(prog="lit-mstar study", description="Compare variants of a recipe over seeds.")
    parser.add_argument(
        "files", type=_existing, nargs="+", metavar="FILE", help="a study, such as configs/studies/temperature.yaml"
    )
    parser.add_argument("--seeds", type=_positive, help="how many, from 0 on; as the study says by default")
    parser.add_argument("--jobs", type=_positive, default=1, help="stages that run at the same time, one thread each")
    parser.add_argument("--store", type=Path, default=Path("runs/studies"), help="where runs go, shared by all studies")
    parser.add_argument("--out", type=Path, help="where tables and plots go; the store by default")
    return parser


def _convert() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar convert",
        description="Converts a sharded checkpoint (a folder) to a consolidated one (a file), or back. Sharded ones "
        "hold pickled metadata: convert only folders that you trust.",
    )
    parser.add_argument("checkpoint", type=_existing)
    parser.add_argument("--out", type=Path, required=True, help="where the other kind goes; must not exist")
    return parser


def _compare() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar compare",
        description="Second minus first on the problems that both were asked, with 95% intervals.",
    )
    parser.add_argument("first", type=_existing, help="a folder that `lit-mstar test` wrote: results/<model>")
    parser.add_argument("second", type=_existing, help="another")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    return parser


def _regrade() -> ArgumentParser:
    parser = Parser(prog="lit-mstar regrade", description="Mark what is sampled anew.")
    parser.add_argument("run", type=_existing, help="a run's folder, one of its stages, or results of benchmarks")
    parser.add_argument(
        "--config", type=_existing, help="a stage config with another source or grader; the stage's own else"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would change")
    return parser


def _serve() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar serve",
        description="A vLLM server that takes new weights while it runs. Options after -- go to vLLM.",
    )
    parser.add_argument("model", help="a Hugging Face folder, or the name of a model on the hub")
    parser.add_argument("--host", default="127.0.0.1", help="any other address than loopback needs --token-file")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--token-file", type=_existing, help="file with the token that clients must send")
    parser.add_argument("--dtype", default="auto", help="auto is the checkpoint's, but 16 bits for float32")
    parser.add_argument("--max-images", type=int, default=1, help="most images per problem")
    parser.add_argument("--max-model-len", type=int, help="longest prompt and response together, in tokens")
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.9, help="share of the device's memory")
    parser.add_argument("--tensor-parallel-size", type=int, default=1, help="devices of this server")
    parser.add_argument("--lora", type=int, metavar="RANK", help="serve adapters of up to this rank")
    return parser


def _existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise ArgumentTypeError(f"{text} does not exist.{nearest(path)}")
    return path


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ArgumentTypeError(f"{number} is too few; at least 1")
    return number


def _completion() -> ArgumentParser:
    parser = Parser(prog="lit-mstar completion", description="Prints a script that completes commands.")
    parser.add_argument("shell", choices=["bash", "zsh"], help='eval "$(lit-mstar completion bash)" in ~/.bashrc')
    return parser


def _report() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar report",
        description="A run as one HTML file that needs nothing else; or several, held against the first.",
    )
    parser.add_argument("run", type=_existing, nargs="+", help="a run's folder, or one of its stages; finished or not")
    parser.add_argument("--out", type=Path, help="the file; by default report.html in the (first) run's folder")
    parser.add_argument("--watch", action="store_true", help="serve it on loopback and follow the run")
    parser.add_argument("--port", type=int, default=8020, help="for --watch; 0 takes a free one (default: 8020)")
    parser.add_argument(
        "--no-source",
        action="store_true",
        help="do not load the data source that the run's config names: no images, and a stranger's config runs nothing",
    )
    return parser


def _export() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar export",
        description="A model (a Hugging Face folder or a PEFT adapter), a reward model or labelled steps, with a card.",
    )
    parser.add_argument("run", type=_existing, help="a run's folder, one of its stages, or a model's folder")
    parser.add_argument("--out", type=Path, required=True, help="the folder; must not exist")
    parser.add_argument("--what", choices=["policy", "prm", "steps"], help="of a run; the policy by default")
    parser.add_argument("--merge", action="store_true", help="add an adapter to its base's weights")
    return parser


def _chat() -> ArgumentParser:
    parser = Parser(
        prog="lit-mstar chat",
        description="Talk to a model about an image; without a terminal, questions are lines of the input.",
    )
    parser.add_argument("model", help="a run's folder, a model's folder or adapter, or its name on the hub")
    parser.add_argument("image", nargs="*", type=_existing, help="one or more images")
    parser.add_argument("--prm", type=_existing, help="a reward model whose scores stand behind the steps")
    parser.add_argument("--question", action="append", default=[], help="asked first; may be given more than once")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 always gives the same answer (default)")
    parser.add_argument("--max-tokens", type=_positive, default=512, help="of an answer (default: 512)")
    parser.add_argument("--device", help="such as cuda or cpu; a GPU where there is one by default")
    return parser


_PARSERS = {
    "init": _init,
    "data": _data,
    "run": _run,
    "plan": _plan,
    "study": _study,
    "convert": _convert,
    "compare": _compare,
    "regrade": _regrade,
    "export": _export,
    "chat": _chat,
    "report": _report,
    "serve": _serve,
    "completion": _completion,
}
