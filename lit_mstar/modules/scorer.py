"""What a config may name as a scorer: a trained PRM's folder, a file that describes any other, or the scorer itself."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from lit_mstar.files import missing_input
from lit_mstar.front.errors import parse_error
from lit_mstar.front.recipe import read_config
from lit_mstar.modules.prm import HEAD_FILE, ProcessRewardModule
from lit_mstar.scorers.base import StepScorer

AnyScorer = str | StepScorer
"""The folder of a trained PRM, a YAML file with `class_path` and `init_args`, or a scorer."""


def scorer_of(given: AnyScorer, batch_size: int = 256) -> StepScorer:
    """The scorer that is meant.

    Args:
        given: See `AnyScorer`; of a stage's folder, its `model`.
        batch_size: Of a PRM in a folder.

    Raises:
        ValueError: If there is none, or it cannot score.
    """
    if isinstance(given, StepScorer):
        given.check()
        return given
    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        return scorer_of(_described(path))
    folder = path / "model" if (path / "model" / HEAD_FILE).is_file() else path
    return ProcessRewardModule.from_folder(str(folder), batch_size)


def _described(file: Path) -> StepScorer:
    if not file.is_file():
        raise ValueError(missing_input(file, "a file that describes a scorer"))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(StepScorer, "scorer")
    try:
        made: StepScorer = parser.instantiate(parser.parse_object({"scorer": read_config(file)})).scorer
    except ArgumentError as error:
        raise ValueError(f"{file}: {parse_error(str(error.message))}") from error
    return made
