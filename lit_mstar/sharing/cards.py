"""What is said of something that is handed on: from what it was made, how good it is, what it cannot, whom to cite."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from jinja2 import Environment

from lit_mstar import __version__
from lit_mstar.files import atomic
from lit_mstar.report.browser.sample import answers_to_tests
from lit_mstar.report.run import Run
from lit_mstar.report.sections import provenance
from lit_mstar.report.sections.headline import Card, cards
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally, tallies
from lit_mstar.sharing.exported import Exported


def write_card(found: Exported, folder: Path, name: str, **more: Any) -> None:
    """Writes `README.md`, with the metadata that the hub reads.

    Args:
        found: What is handed on.
        folder: Where it is written.
        name: What the folder will be called.
        **more: What its kind's template asks for besides.
    """
    run = found.run
    iterations = tallies(run.evolving) if run and run.evolving and found.kind == "policy" else []
    text = _template(f"{found.kind}.md").render(
        name=name,
        metadata=_metadata(found, more).rstrip(),
        version=__version__,
        title=run.title if run else "",
        numbers=_numbers(run, iterations) if run else [],
        stages=[*provenance.stages(run)] if run else [],
        source=provenance.source_of(found.stage) if found.stage else "",
        iterations=provenance.iterations(iterations),
        **more,
    )
    with atomic(folder / "README.md") as partial:
        partial.write_text(text, encoding="utf-8")


def _metadata(found: Exported, more: dict[str, Any]) -> str:
    """The card's YAML; a data set's names its files."""
    if found.kind == "steps":
        tasks = {"data": "steps", "trl": "trl"}
        lines = ["tags: [process-reward-model, lit-mstar]", "configs:"]
        for folder, name in tasks.items():
            lines += [f"- config_name: {name}", "  data_files:"]
            lines += [f"  - {{split: {split}, path: {folder}/{split}-*.parquet}}" for split in more["counts"]]
        return "\n".join(lines)
    base = more.get("base")
    data = ModelCardData(
        library_name="peft" if base else "transformers",
        base_model=base if base and not Path(base).exists() else None,
        pipeline_tag="image-text-to-text" if found.kind == "policy" else None,
        tags=["m-star", "lit-mstar", *(["process-reward-model"] if found.kind == "prm" else [])],
    )
    return str(data.to_yaml())


def _numbers(run: Run, iterations: Sequence[Tally]) -> list[Card]:
    source = RunSource(None)
    return cards(run, iterations, [(stage, answers_to_tests(stage, source)) for stage in run.stages], valid=0)


def _template(name: str) -> Any:
    text = files("lit_mstar.sharing").joinpath(f"{name}.jinja").read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701 - Markdown
    return environment.from_string(text)
