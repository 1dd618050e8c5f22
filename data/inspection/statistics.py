"""What a source holds, in numbers: counts, kinds of answers, sizes of images, lengths, duplicates, what was dropped."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from lit_mstar.data.sources.bad_rows import BadRow
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.equality.parts import items
from lit_mstar.equality.plain import plain
from lit_mstar.equality.quantities import quantities
from lit_mstar.equality.shapes import shape
from lit_mstar.rollouts.images import image_size
from lit_mstar.rollouts.nouns import Problem

_WORD = 4  # characters that a token takes, about, where no model counts them


@dataclass(frozen=True)
class Spread:
    """Of numbers: how many, the smallest, quantiles, the largest."""

    n: int
    least: float
    median: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None where there are no values."""
        if not values:
            return None
        median, p95 = np.quantile(values, [0.5, 0.95], method="lower")
        return cls(len(values), float(min(values)), float(median), float(p95), float(max(values)))


@dataclass
class SplitStatistics:
    """Of one split.

    Args:
        problems: That can be used.
        dropped: Bad rows.
        answers: How many answers are of which kind.
        choices: How many problems have how many options.
        images: How many problems have how many images.
        tags: How many problems have which value of which tag.
        widths: Of images, in pixels.
        heights: Of images, in pixels.
        prompts: Lengths, in tokens, with the images' where a model counts them.
        answer_lengths: In tokens.
        reasoning: Lengths of worked solutions, in tokens.
        same_question: Problems whose question, options and images are another's in the split.
        unanswered: Problems without an answer.
    """

    problems: int = 0
    dropped: list[BadRow] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    choices: Counter[int] = field(default_factory=Counter)
    images: Counter[int] = field(default_factory=Counter)
    tags: dict[str, Counter[str]] = field(default_factory=dict)
    widths: Spread | None = None
    heights: Spread | None = None
    prompts: Spread | None = None
    answer_lengths: Spread | None = None
    reasoning: Spread | None = None
    same_question: int = 0
    unanswered: int = 0


@dataclass
class Statistics:
    """Of a source.

    Args:
        splits: Those that are not empty, or had bad rows.
        overlaps: By two splits: how many problems of the first are in the second, too, with an example.
        counted_by: What counted tokens: a model's name, or None for characters by four.
        failed: Splits that could not be read at all, and why.
        problems: What was read, by split.
    """

    splits: dict[Split, SplitStatistics]
    overlaps: dict[tuple[Split, Split], tuple[int, str]]
    counted_by: str | None
    failed: dict[Split, str] = field(default_factory=dict)
    problems: dict[Split, list[Problem]] = field(default_factory=dict, repr=False)


def statistics(source: ProblemSource, encoder: Any = None, name: str | None = None) -> Statistics:
    """Reads all splits of a source, one after the other.

    Args:
        source: One that leaves bad rows out.
        encoder: A model's, by whose processor prompts are counted; without one, lengths are of texts alone.
        name: The model's.
    """
    found: dict[Split, SplitStatistics] = {}
    keys: dict[Split, dict[object, str]] = {}
    failed: dict[Split, str] = {}
    read: dict[Split, list[Problem]] = {}
    for split in get_args(Split):
        try:
            problems = source.problems(split)
        except ValueError as error:
            failed[split] = str(error)
            continue
        dropped = list(getattr(source, "dropped", {}).get(split, []))
        if problems or dropped:
            read[split] = problems
            found[split] = _of_split(problems, dropped, encoder)
            keys[split] = {content_key(problem): problem.source or problem.id for problem in problems}
    return Statistics(found, _overlaps(keys), name, failed, read)


def content_key(problem: Problem) -> object:
    """What two copies of a problem have in common: question, options, and how long the image files are."""
    lengths = (len(image) if isinstance(image, bytes) else os.path.getsize(image) for image in problem.images)
    return problem.question, problem.choices, tuple(lengths)


def answer_kind(problem: Problem) -> str:
    """What an answer is, as graders would take it."""
    if problem.answer is None:
        return "none"
    if problem.choices:
        return "choice"
    if problem.answer_type:
        return problem.answer_type
    text = plain(problem.answer)
    if quantities(text):
        return "number"
    if (found := shape(text)) is not None:
        return found.kind
    return "list" if items(text) else "word" if text.replace(" ", "").isalpha() else "expression"


def _of_split(problems: Sequence[Problem], dropped: list[BadRow], encoder: Any) -> SplitStatistics:
    sizes = _image_sizes(problems)
    length, prompt = _counters(encoder)
    found = SplitStatistics(problems=len(problems), dropped=dropped)
    for problem in problems:
        found.answers[answer_kind(problem)] += 1
        found.choices[len(problem.choices)] += 1
        found.images[len(problem.images)] += 1
        for tag, value in problem.tags.items():
            found.tags.setdefault(tag, Counter())[value] += 1
    found.widths = Spread.of([width for width, _ in sizes.values()])
    found.heights = Spread.of([height for _, height in sizes.values()])
    found.prompts = Spread.of([prompt(problem) for problem in problems])
    found.answer_lengths = Spread.of([length(p.answer) for p in problems if p.answer is not None])
    found.reasoning = Spread.of([length(p.reasoning) for p in problems if p.reasoning is not None])
    found.same_question = len(problems) - len({content_key(problem) for problem in problems})
    found.unanswered = sum(problem.answer is None for problem in problems)
    return found


def _image_sizes(problems: Sequence[Problem]) -> dict[str | bytes, tuple[int, int]]:
    return {image: image_size(image) for image in {image for problem in problems for image in problem.images}}


def _counters(encoder: Any) -> tuple[Callable[[str], int], Callable[[Problem], int]]:
    """What counts the tokens of a text, and of a problem's whole prompt."""
    if encoder is None:
        return lambda text: -(-len(text) // _WORD), lambda p: -(-len(p.question + "".join(p.choices)) // _WORD)
    tokens: dict[tuple[int, int], int] = {}

    def of_image(image: str | bytes) -> int:
        if (size := image_size(image)) not in tokens:
            tokens[size] = encoder.image_tokens(Problem(id="probe", question="?", images=(image,)))
        return tokens[size]

    def of_prompt(problem: Problem) -> int:
        return len(encoder.prompt_ids(problem)) + sum(of_image(image) - 1 for image in problem.images)

    return lambda text: len(encoder.text_ids(text)), of_prompt


def _overlaps(keys: dict[Split, dict[object, str]]) -> dict[tuple[Split, Split], tuple[int, str]]:
    found: dict[tuple[Split, Split], tuple[int, str]] = {}
    splits = [split for split in keys if split != "seed"]  # which is often a part of train
    for i, first in enumerate(splits):
        for second in splits[i + 1 :]:
            if common := keys[first].keys() & keys[second].keys():
                example = next(iter(common))
                found[first, second] = (len(common), f"{keys[first][example]} and {keys[second][example]}")
    return found
