"""The options of commands that are not Lightning's: known before what they do is imported."""

from __future__ import annotations

from argparse import ArgumentParser

from lit_mstar.front import model_options, run_options

_PARSERS = {
    "init": run_options.init,
    "data": run_options.data,
    "run": run_options.run,
    "plan": run_options.plan,
    "study": run_options.study,
    "report": run_options.report,
    "compare": run_options.compare,
    "regrade": run_options.regrade,
    "export": model_options.export,
    "chat": model_options.chat,
    "scorer": model_options.scorer,
    "convert": model_options.convert,
    "serve": model_options.serve,
    "completion": model_options.completion,
}


def parser_of(command: str) -> ArgumentParser:
    """The parser of a command, named as on the command line."""
    return _PARSERS[command]()


def commands() -> list[str]:
    """The names of these commands."""
    return list(_PARSERS)
