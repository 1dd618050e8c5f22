"""A problem with all its responses in one picture: the image beside a line for each response."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence

from matplotlib.figure import Figure
from PIL import Image

from lit_mstar.charts.theme import BAD, GOOD, INK, QUIET, styled
from lit_mstar.rollouts.nouns import Response, Rollout

_WIDTH = 74  # characters of a line
_LINES = 3  # of a response that are shown


def followed_figure(rollout: Rollout, image: Image.Image | None = None) -> Figure:
    """The picture; responses that are kept come first, then those that score highest.

    Args:
        rollout: A problem with its responses.
        image: The problem's first, where it has one.
    """
    rows = [(response, _lines(response)) for response in _ordered(rollout)]
    height = 0.55 + sum(0.17 * len(lines) + 0.1 for _, lines in rows)
    with styled(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font does not have
        figure = Figure(figsize=(7.4, max(height, 1.9)), facecolor="white")
        if image is not None:
            panel = figure.add_axes((0.01, 0.05, 0.18, 0.8), anchor="NW")
            panel.imshow(image)
            panel.axis("off")
        question = textwrap.shorten(rollout.problem.question, _WIDTH, placeholder=" …")
        figure.text(
            0.01,
            1 - 0.2 / figure.get_figheight(),
            f"{question}   reference: {rollout.problem.answer}",
            color=INK,
            weight="bold",
        )
        _write(figure, rollout, rows)
        return figure


def _write(figure: Figure, rollout: Rollout, rows: Sequence[tuple[Response, list[str]]]) -> None:
    inch = 1 / figure.get_figheight()
    place = 1 - 0.5 * inch
    kept = [id(rollout.responses[i]) for i in rollout.selected]
    for response, lines in rows:
        colour = GOOD if response.correct else QUIET if response.correct is None else BAD
        word = {True: "right", False: "wrong", None: "?"}[response.correct]
        score = "" if response.score is None else f"{response.score:.2f}"
        figure.text(0.205, place, word, color=colour, weight="bold", va="top")
        figure.text(0.275, place, score, color=INK, va="top")
        figure.text(0.325, place, "kept" if id(response) in kept else "", color=GOOD, va="top")
        figure.text(0.385, place, "\n".join(lines), color=INK, va="top", linespacing=1.25, size=8)
        place -= (0.17 * len(lines) + 0.1) * inch


def _ordered(rollout: Rollout) -> list[Response]:
    order = sorted(
        range(len(rollout.responses)), key=lambda i: (i not in rollout.selected, -(rollout.responses[i].score or 0))
    )
    return [rollout.responses[i] for i in order]


def _lines(response: Response) -> list[str]:
    scores = [f" ({score:.2f})" for score in response.step_scores] + [""] * len(response.steps)
    steps = [" ".join(step.split()) + score for step, score in zip(response.steps, scores, strict=False)]
    lines = textwrap.wrap("  ".join([*steps, f"→ {response.answer}"]), _WIDTH) or [""]
    return lines if len(lines) <= _LINES else [*lines[: _LINES - 1], lines[_LINES - 1][: _WIDTH - 2] + " …"]
