"""The `lit-mstar` command: a table of contents that answers before torch is imported."""

from __future__ import annotations

import sys

_COMMANDS = {
    "init": "a recipe for data and a model of your own",
    "data": "look at data before a run: `data stats SOURCE`",
    "fit": "train one stage (warmup, PRM, self-evolution, …)",
    "validate": "greedy accuracy of a checkpoint on the validation problems",
    "test": "greedy accuracy of a checkpoint on the test problems, or on benchmarks",
    "predict": "one greedy response per problem",
    "annotate": "Monte-Carlo step labels for the process reward model",
    "run": "all stages of a recipe, one after the other",
    "plan": "memory, responses and steps of a recipe, before anything is loaded",
    "study": "variants of a recipe over several seeds, as a table with intervals",
    "convert": "a sharded checkpoint to a consolidated one, or back",
    "compare": "two models on the same benchmarks, with intervals",
    "regrade": "mark what a run has sampled anew, after references or grader have changed",
    "serve": "a vLLM server that takes new weights while it runs",
}


def main(args: list[str] | None = None) -> None:
    """Runs one command; `args` are those of the process unless given."""
    try:
        _run(sys.argv[1:] if args is None else args)
    except KeyboardInterrupt:  # where nothing has begun that could be gone on with
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)


def _run(args: list[str]) -> None:
    command = args[0] if args else "--help"
    if command in ("-h", "--help"):
        print(_help())
    elif command == "--version":
        from lit_mstar import __version__

        print(f"lit-mstar {__version__}")
    elif command == "init":
        from lit_mstar.data.inspection.init import main as init

        init(args[1:])
    elif command == "data":
        from lit_mstar.data.inspection.command import main as data

        data(args[1:])
    elif command == "run":
        from lit_mstar.commands.run import main as run

        run(args[1:])
    elif command == "plan":
        from lit_mstar.planning.command import main as plan

        plan(args[1:])
    elif command == "study":
        from lit_mstar.studies.command import main as study

        study(args[1:])
    elif command == "convert":
        from lit_mstar.commands.convert import main as convert

        convert(args[1:])
    elif command == "compare":
        from lit_mstar.evaluation.command import main as compare

        compare(args[1:])
    elif command == "regrade":
        from lit_mstar.commands.regrade import main as regrade

        regrade(args[1:])
    elif command == "serve":
        from lit_mstar.commands.serve import main as serve

        serve(args[1:])
    elif command in _COMMANDS:
        from lit_mstar.commands.lightning import main as lightning

        lightning(args)
    else:
        sys.exit(f"lit-mstar: unknown command {command!r}.\n\n{_help()}")


def _help() -> str:
    commands = "\n".join(f"  {name:<10} {text}" for name, text in _COMMANDS.items())
    return (
        "lit-mstar: a vision-language model learns to reason from its own correct answers (M-STaR).\n\n"
        "usage: lit-mstar COMMAND …\n\n"
        f"{commands}\n\n"
        "  lit-mstar run configs/quickstart                            see it work, on a CPU\n"
        "  lit-mstar fit --config configs/quickstart/4-evolve.yaml     one stage\n"
        "  lit-mstar fit --help                                        its options"
    )


if __name__ == "__main__":
    main()
