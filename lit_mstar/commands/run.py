"""`lit-mstar run`: the stages of a recipe in order, each a Lightning run of its own.

A recipe is a folder of numbered stage configs. A complete stage is skipped, one that was killed goes on from its
last checkpoint, and one whose config has changed is run again on request. Every stage is a process of its own, started
by the command a user would type.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lit_mstar.commands.children import Children
from lit_mstar.commands.claim import Claim, aside
from lit_mstar.commands.pointless import pointless
from lit_mstar.commands.stage_run import StageRun, fitting, home_of, move_paths
from lit_mstar.commands.summary import summarize, table
from lit_mstar.files import atomic
from lit_mstar.front.changes import Config
from lit_mstar.front.check import check_configs
from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of

_SHOWN = 8  # differences of a stage


def main(args: list[str], flags: Sequence[str] = ()) -> None:
    """Parses the command line of `lit-mstar run` and runs the recipe."""
    options = parser_of("run").parse_args(args)
    run(options.recipe, options.out, options.seed, options.config, options.rerun, options.go_on, flags)


def run(
    recipe: Path,
    out: Path | None = None,
    seed: int = 0,
    overlays: Sequence[Path] = (),
    rerun: bool = False,
    go_on: bool = False,
    flags: Sequence[str] = (),
) -> None:
    """Runs what is not complete, then writes and prints `out/summary.json`.

    Args:
        recipe: Folder of numbered stage configs.
        out: Where the run goes; where the stages' configs say by default.
        seed: `seed_everything` of every stage.
        overlays: Configs added to every stage, without options of the model that the stage does not have.
        rerun: Stages that were run with another config, and all after them, are moved aside and run anew.

        go_on: Whatever the stages' results.
        flags: Of the command, for the stages': `--quiet`, `--verbose`, `--traceback`.

    Raises:
        ValueError: If the recipe has no stages, or one with a mistake that can be seen before it runs; if `out` holds
            another run or another process works there, or complete stages were run with another config; if a stage's
            result makes the next ones pointless.
        SystemExit: If a stage fails.
    """
    files = sorted(recipe.glob("[0-9]*.yaml"))
    if not files:
        raise ValueError(f"{recipe} has no stage configs (1-….yaml, 2-….yaml); name the folder of a recipe.")
    search_here()
    configs = {file.stem: check_configs([file]) for file in files}
    laid = [check_configs([path]) for path in overlays]
    out = out or Path(home_of(next(iter(configs.values()))))
    (claim := Claim()).hold(out)
    try:
        _note(out, {"recipe": recipe.name, "seed": seed})
        stages = [_stage(name, config, out, seed, laid, flags) for name, config in configs.items()]
        begin_anew(stages, rerun)
        for number, stage in enumerate(stages, start=1):
            label = f"[{number}/{len(stages)}] {stage.name}"
            if stage.complete:
                print(f"{label}: complete, nothing to do", flush=True)
                continue
            print(f"{label}: {'resuming' if stage.started else 'starting'} in {stage.folder}", flush=True)
            _run_stage(stage)
            if not go_on and number < len(stages) and (reason := pointless(stage.name, stage.summary())):
                raise ValueError(f"{reason} The stage is complete; --go-on runs the next ones all the same.")
    finally:
        claim.release()
    summary = summarize(recipe.name, out, [*configs], seed)
    with atomic(out / "summary.json") as partial:
        partial.write_text(json.dumps(summary, indent=1))
    print(table(summary))


def _stage(name: str, config: Config, out: Path, seed: int, laid: Sequence[Config], flags: Sequence[str]) -> StageRun:
    moved = move_paths(config, home_of(config), lambda stage: out / stage)
    parts = [part for overlay in laid if (part := fitting(overlay, config))]
    return StageRun(name=name, config=moved, folder=out / name, seed=seed, overlays=parts, flags=flags)


def begin_anew(stages: Sequence[StageRun], rerun: bool) -> None:
    """Looks for stages that were run with another config; moves them and what came of them aside if asked to.

    A stage that was broken off goes on with the new config, which is said.

    Raises:
        ValueError: If one is complete and nobody asked.
    """
    changed = {stage: found for stage in stages if (found := stage.changes())}
    for stage, found in changed.items():
        fate = "is run anew" if rerun else "stays as it is" if stage.complete else "goes on with the new"
        print(f"{stage.name} was run with other settings, and {fate}:", flush=True)
        print("\n".join(f"  {difference}" for difference in found[:_SHOWN]), flush=True)
        if len(found) > _SHOWN:
            print(f"  and {len(found) - _SHOWN} more", flush=True)
    if rerun and changed:
        first = stages.index(next(iter(changed)))
        for stage in (stage for stage in stages[first:] if stage.folder.exists()):
            print(f"{stage.folder} is now {aside(stage.folder)}", flush=True)
    elif complete := [stage.name for stage in changed if stage.complete]:
        raise ValueError(
            f"{', '.join(complete)}: complete, and run with other settings than the recipe's (above). --rerun runs it "
            "and all stages after it anew, and keeps the old ones aside; --out runs the recipe elsewhere."
        )


def _run_stage(stage: StageRun) -> None:
    with Children() as children:
        code = stage.run(children)
    if children.stopped or (code in (0, -signal.SIGTERM) and not stage.complete):
        again = shlex.join(["lit-mstar", "run", *sys.argv[2:]]) if sys.argv[1:2] == ["run"] else "run the same again"
        print(f"Stopped in stage {stage.name}. To go on: {again}", flush=True)
        sys.exit(130 if code in (-signal.SIGINT, -signal.SIGKILL) else 0)  # a second Ctrl-C
    if code:
        print(
            f"Stage {stage.name} ended with exit code {code}; after mending the cause, run the same again.",
            file=sys.stderr,
        )
        sys.exit(max(code, 1))


def _note(out: Path, run: dict[str, Any]) -> None:
    """Notes whose run `out` is; refuses to mix two runs."""
    note = out / "run.json"
    other = json.loads(note.read_text()) if note.exists() else run
    if any(other.get(key) != value for key, value in run.items()):
        held = f"recipe {other.get('recipe')} with seed {other.get('seed')}"
        raise ValueError(f"{out} holds {held}, not {run['recipe']} with seed {run['seed']}; choose another --out.")
    with atomic(note) as partial:
        partial.write_text(json.dumps(run))
