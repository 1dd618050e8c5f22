"""A subcommand of the Lightning CLI as a process: signals, the folder it works in, what it prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_mstar.commands.claim import Claim
from lit_mstar.commands.cli import MStarCLI
from lit_mstar.terminal.output import Verbosity, filtered_output
from lit_mstar.training.peers import Watch
from lit_mstar.training.signals import go_on, stoppable


def main(args: list[str], flags: Sequence[str] = ()) -> None:
    """Runs one subcommand.

    Args:
        args: The subcommand and its options.
        flags: `--quiet` or `--verbose`.
    """
    verbosity: Verbosity = "quiet" if "--quiet" in flags else "verbose" if "--verbose" in flags else "normal"
    sys.argv[1:] = args  # LightningCLI warns where its arguments differ from the process's
    watch, claim = Watch(again=go_on(args)), Claim()
    with filtered_output(verbosity), stoppable() as stop:
        try:
            cli = MStarCLI(watch, claim, verbosity, args[0])
            if sampler := getattr(cli.model, "sampler", None):
                sampler.close()
        except SIGTERMException:
            _say_stopped(stop.by or "SIGTERM", watch.again)
        except Exception as error:
            if stop.by == "Ctrl-C":  # which an engine hears, too, and ends with an error of its own
                _say_stopped(stop.by, watch.again)
            if watch.explains(error):
                sys.exit(1)
            raise
        finally:
            watch.over()
            claim.release()


def _say_stopped(by: str, again: str) -> NoReturn:
    if rank_zero_only.rank == 0:  # type: ignore[attr-defined]
        print(f"Stopped by {by}. To go on: {again}", flush=True)
    sys.exit(0)
