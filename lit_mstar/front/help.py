"""Help that answers at once: examples, what people set, which classes there are, and one class's arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import indent, wrap

from lit_mstar.front.definitions import Definition, find, names_in
from lit_mstar.front.described import meant

_PLACES = (  # where a class is looked for by its name alone
    *("lit_mstar", "lit_mstar.callbacks", "lit_mstar.data", "lit_mstar.samplers", "lit_mstar.models"),
    *("lit_mstar.modules", "lit_mstar.rewards", "lit_mstar.reasoning", "lit_mstar.step_labels", "lit_mstar.training"),
    *("lightning.pytorch", "lightning.pytorch.callbacks", "lightning.pytorch.loggers", "torch.optim"),
)
_WIDTH = 110
_EXAMPLES = {
    "fit": [
        ("--config configs/quickstart/1-warmup.yaml", "one stage of a recipe"),
        ("--config STAGE.yaml --ckpt_path last", "go on with it"),
        ("--config STAGE.yaml --config configs/trainer/fsdp2.yaml", "another config laid over it"),
        ("--config STAGE.yaml --trainer.max_epochs 4 --out runs/try", "other values, another folder"),
        ("--config STAGE.yaml --trainer.callbacks+=my_callbacks.Mine", "one more callback"),
        ("--config STAGE.yaml --print_config", "the whole config that results"),
    ],
    "validate": [("--config STAGE.yaml --ckpt_path runs/x/4-evolve", "a run's stage")],
    "test": [
        ("--config STAGE.yaml --ckpt_path runs/x/4-evolve", "a run's stage"),
        ("--config configs/benchmarks/all.yaml --ckpt_path MODEL", "a model's folder or name, or a server's URL"),
    ],
    "predict": [
        (
            "--config STAGE.yaml --ckpt_path CKPT --trainer.callbacks+=lit_mstar.callbacks.PredictionWriter",
            "answers as JSONL: --trainer.callbacks.file=answers.jsonl",
        )
    ],
    "annotate": [("--config configs/quickstart/2-annotate.yaml", "the second stage of a recipe")],
}
_ALWAYS = (
    ("--config FILE", "a YAML config; several are laid over each other, the last on top"),
    ("--out FOLDER", "where all goes: checkpoints, events, config, rollouts, model"),
    ("--ckpt_path last|CKPT|MODEL", "what to go on with (fit), or what to measure (test, …)"),
    ("--seed_everything N", "another seed"),
    ("--trainer.devices N", "processes; with --trainer.strategy ddp, fsdp, or a config of configs/trainer"),
    ("--model.backbone.path MODEL", "a Hugging Face folder, or a name on the hub"),
    ("--quiet, --verbose, --traceback", "how much is said"),
)
_OF_FIT = (
    ("--overwrite true", "begin anew where a run is, which is moved aside"),
    ("--trainer.max_epochs N", "iterations of self-evolution, or epochs"),
    ("--data.interval SHARE", "of the problems in one iteration"),
    ("--data.sampling.n N", "responses to a problem"),
    ("--data.batch_size N", "examples of a step, on each device"),
    ("--model.optimizer.lr RATE", "the learning rate"),
)
_ROOMS = (
    ("model", "lit_mstar", ("PolicyModule", "ProcessRewardModule", "StepAnnotator")),
    ("data", "lit_mstar.data", ("SelfEvolvingDataModule", "SupervisedDataModule", "StepwiseDataModule")),
    ("callbacks", "lit_mstar.callbacks", ()),
)


def help_of(command: str, args: Sequence[str]) -> str | None:
    """What to print where help is asked for, else None; also for `--help all`, which the parser itself answers.

    Raises:
        ValueError: If it is asked for a class that is not found.
    """
    asked = next((index for index, word in enumerate(args) if word in ("-h", "--help")), None)
    if asked is None:
        return None
    topic = args[asked + 1] if len(args) > asked + 1 and not args[asked + 1].startswith("-") else ""
    if topic == "all":
        return None
    return _class_help(topic) if topic else _overview(command)


def _overview(command: str) -> str:
    lines = [f"usage: lit-mstar {command} --config FILE [--config FILE …] [OPTION …]", ""]
    for example, what in _EXAMPLES[command]:
        lines += [f"  lit-mstar {command} {example}", f"      {what}"]
    lines += [
        "",
        "What people set (each is a key in a config as well):",
        *_table(_ALWAYS + (_OF_FIT if command == "fit" else ())),
    ]
    for title, module, names in _ROOMS if command == "fit" else ():
        found = [(name, find(f"{module}.{name}")) for name in names or names_in(module)]
        lines += ["", f"{title}, of {module}:", *_table([(name, summary(one)) for name, one in found if one])]
    return "\n".join([*lines, "", f"One class's arguments: lit-mstar {command} --help CLASS; all options: --help all"])


def _class_help(name: str) -> str:
    found = next((one for place in (name, *(f"{p}.{name}" for p in _PLACES)) if (one := find(place))), None)
    if found is None:
        known = [other for place in _PLACES for other in names_in(place)]
        raise ValueError(f"--help {name}: no class of that name.{meant(name.rpartition('.')[2], known)}")
    about, arguments = _split_doc(found.doc)
    lines = [f"{found.module}.{found.node.name}", "", *about.splitlines(), ""]
    for parameter in found.parameters() or ():
        kind = f": {parameter.annotation}" if parameter.annotation else ""
        default = " (required)" if parameter.default == "required" else f" = {parameter.default}"
        lines += wrap(f"{parameter.name}{kind}{default}", _WIDTH, initial_indent="  ", subsequent_indent="        ")
        lines += wrap(arguments.get(parameter.name, ""), _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def summary(found: Definition) -> str:
    """The first sentence of a docstring."""
    return re.split(r"(?<=\.)\s", found.doc, maxsplit=1)[0]


def _split_doc(doc: str) -> tuple[str, dict[str, str]]:
    """What a docstring says before its sections, and what it says of each argument."""
    before, _, rest = doc.partition("\nArgs:\n")
    section = re.split(r"\n\S", rest, maxsplit=1)[0]
    found = re.findall(r"^    (\w+)(?: \([^)]*\))?: (.*(?:\n(?:     +\S.*|\s*$))*)", section, re.MULTILINE)
    return before.strip(), {name: " ".join(text.split()) for name, text in found}


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows) + 2
    lines = []
    for name, text in rows:
        first, *more = wrap(text, _WIDTH - width - 2) or [""]
        lines += [f"  {name:<{width}}{first}", *(indent(line, " " * (width + 2)) for line in more)]
    return lines
