"""A page of examples: the prompt and the pictures exactly as a model gets them, and what it answered."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jinja2 import Environment
from PIL import Image

from lit_mstar.data.inspection.statistics import Statistics
from lit_mstar.data.inspection.tables import values
from lit_mstar.data.sources.source import Split
from lit_mstar.encoding.seen import seen
from lit_mstar.encoding.user_turn import user_turn
from lit_mstar.files import atomic
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem

_LARGEST = 512  # pixels of a picture's longer side on the page, ours; its size is said
_RESPONSES = 4  # of a problem, ours


@dataclass
class Example:
    """A problem on the page.

    Args:
        problem: What it is.
        split: Where it is from.
        prompt: The text that the model gets.
        pictures: As data URLs, with their sizes.
        tokens: Of the whole prompt, images included; None without a model.
        responses: What was answered, as rows of the ledger.
    """

    problem: Problem
    split: str
    prompt: str
    pictures: list[tuple[str, int, int]]
    tokens: int | None
    responses: list[dict[str, Any]] = field(default_factory=list)


def examples(problems: Mapping[Split, Sequence[Problem]], encoder: Any, count: int, run: Path | None) -> list[Example]:
    """Problems of all splits, drawn at random but always the same, as a model gets them.

    Args:
        problems: By split.
        encoder: The model's; None shows question and images as they are.
        count: How many in all.
        run: A run's folder, of whose responses some are shown; problems that it answered come first.
    """
    answered = responses_of(run) if run else {}
    found = []
    for split, rows in problems.items():
        share = max(1, count // max(1, len(problems)))
        known = [p for p in rows if p.id in answered]
        pool = known or list(rows)
        chosen = sorted(np.random.default_rng(0).permutation(len(pool))[:share])
        found += [example(pool[i], split, encoder, answered.get(pool[i].id, [])) for i in chosen]
    return found


def example(problem: Problem, split: str, encoder: Any, responses: list[dict[str, Any]]) -> Example:
    """One problem as a model gets it."""
    if encoder is None:
        parts = user_turn(problem, problem.prompt or "{question}{choices}", None, "<image>")
        asked = "".join(part if isinstance(part, str) else f"<image {part}>" for part in parts)
        shown = [open_image(image) for image in problem.images]
        return Example(problem, split, asked, [_inline(p) for p in shown], None, responses)
    pictures = seen(encoder, problem) or [open_image(image) for image in encoder.images(problem)]
    tokens = int(encoder.prompts([problem])["attention_mask"].sum())
    return Example(problem, split, encoder.prompt_text(problem), [_inline(p) for p in pictures], tokens, responses)


def responses_of(run: Path) -> dict[str, list[dict[str, Any]]]:
    """A few responses to each problem that a run has sampled, the latest iteration's first.

    Raises:
        ValueError: If the run has none.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    columns = ["problem_id", "text", "answer", "correct", "rule", "score", "selected", "finish_reason"]
    files_ = sorted(run.rglob("iteration=*/*.parquet"), reverse=True)
    if not files_:
        raise ValueError(f"{run} has no rollouts; give the folder of a run, or of one of its stages.")
    for file in files_:
        table = pq.read_table(file, columns=columns)
        for name in pc.unique(table["problem_id"]).to_pylist():
            if name not in found:
                found[name] = table.filter(pc.equal(table["problem_id"], name)).slice(0, _RESPONSES).to_pylist()
    return found


def write_page(file: Path, title: str, found: Statistics, shown: Sequence[Example]) -> None:
    """Writes one HTML file that needs nothing else."""
    template = files("lit_mstar.data.inspection").joinpath("page.html").read_text(encoding="utf-8")
    # Autoescape: what a data set or a model says is text, never markup.
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    with atomic(file) as partial:
        partial.write_text(page.render(title=title, found=values(found), examples=shown), encoding="utf-8")


def _inline(picture: Image.Image) -> tuple[str, int, int]:
    width, height = picture.size
    shown = picture.copy()
    shown.thumbnail((_LARGEST, _LARGEST))
    buffer = io.BytesIO()
    shown.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", width, height
