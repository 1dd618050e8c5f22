"""What a config may name as a scorer: a trained PRM's folder, a file that describes any other, or the scorer itself."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from lit_mstar.files import missing_input
from lit_mstar.front.errors import parse_error
from lit_mstar.front.recipe import read_config
from lit_mstar.modules.prm import HEAD_FILE, ProcessRewardModule
from lit_mstar.scorers.base import StepScorer


def scorer_of(given: str | StepScorer, batch_size: int = 256) -> StepScorer:
    """The scorer that is meant.

    Args:
        given: The folder of a trained PRM or of its stage, a YAML file with `class_path` and `init_args`, or a scorer.
        batch_size: Of a PRM in a folder.

    Raises:
        ValueError: If there is none, or it cannot score.
    """
    if isinstance(given, StepScorer):
        given.check()
        return given
    if (folder := prm_folder(given)) is None:
        return scorer_of(described_scorer(Path(given)))
    return ProcessRewardModule.from_folder(folder, batch_size)


def prm_folder(given: str) -> str | None:
    """The folder of a trained PRM, which may be its stage's; None where it is a file that describes a scorer."""
    path = Path(given)
    if path.suffix in (".yaml", ".yml"):
        return None
    return str(path / "model" if (path / "model" / HEAD_FILE).is_file() else path)


def described_scorer(file: Path) -> StepScorer:
    """The scorer that a YAML file describes; nothing is loaded.

    Raises:
        ValueError: If the file is not there, or a class or an argument is wrong.
    """
    if not file.is_file():
        raise ValueError(missing_input(file, "a file that describes a scorer"))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(StepScorer, "scorer")
    try:
        made: StepScorer = parser.instantiate(parser.parse_object({"scorer": read_config(file)})).scorer
    except ArgumentError as error:
        raise ValueError(f"{file}: {parse_error(str(error.message))}") from error
    return made
