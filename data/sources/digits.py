"""The embedded data set: real handwritten digits side by side, and a question on them.

Every step of the reasoning can be checked against the truth, which no public benchmark allows. The digits are the
1,797 scans of scikit-learn's `load_digits` (UCI optical digits, 8 x 8 pixels). They are split by scan, so the
handwriting of "validate" and "test" is never trained on; "unlabeled" shares that of "train", and "seed" uses only a
few scans of it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from PIL import Image

from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.rollouts.nouns import Problem

Operation = Literal["sum", "difference", "maximum"]

# Ours: which scans belong to which split, whatever the problems' seed, so no seed can leak test handwriting.
_SCANS = {"train": slice(0, 1000), "validate": slice(1000, 1300), "test": slice(1300, 1797)}
_QUESTIONS = {
    "sum": "What is the sum of the {n} digits?",
    "difference": "What is the largest of the {n} digits minus the smallest?",
    "maximum": "What is the largest of the {n} digits?",
}
_NAMES = {2: (("first", "second"), ("left", "right")), 3: (("first", "second", "third"), ("left", "middle", "right"))}
_VERBS = ("is", "looks like")
_READING = re.compile(r"The (first|second|third|left|middle|right) digit (?:is|looks like) (\d)\.")
_SUM = re.compile(r"(\d(?: \+ \d)+) = (\d+)\.")
_DIFFERENCE = re.compile(r"(\d) - (\d) = (\d)\.")
_MAXIMUM = re.compile(r"The largest of (\d(?:, \d)*) and (\d) is (\d)\.")


@dataclass(frozen=True)
class _Drawing:
    digits: tuple[int, ...]
    operation: Operation

    def answer(self) -> int:
        if self.operation == "sum":
            return sum(self.digits)
        return max(self.digits) - (min(self.digits) if self.operation == "difference" else 0)


class DigitsSource(ProblemSource):
    """Questions on handwritten digits.

    Args:
        num_digits: How many digits stand side by side, 2 or 3.
        operations: What is asked for; problems take them in turn.
        seed_scans: How many scans the seed problems are drawn from.
        seed: Number of seed problems, each with a chain of thought.
        train: Number of training problems, answers only.
        validate: Number of validation problems.
        test: Number of test problems.
        phrasings: Write each seed chain in one of several equally valid ways (names, verb, order of reading);
            with one phrasing, a second distinct chain for a problem would have to be wrong.
        random_state: Which problems are drawn.
        unlabeled: Number of problems, in the handwriting of "train", whose answers are not to be learned from.

    Raises:
        ValueError: If `num_digits` is not 2 or 3, or `operations` is empty.
    """

    def __init__(
        self,
        num_digits: int = 2,
        operations: Sequence[Operation] = ("sum",),
        seed_scans: int = 50,
        seed: int = 200,
        train: int = 800,
        validate: int = 100,
        test: int = 400,
        phrasings: bool = True,
        random_state: int = 0,
        unlabeled: int = 0,
    ) -> None:
        if num_digits not in _NAMES:
            raise ValueError(f"DigitsSource.num_digits is {num_digits}; it must be 2 or 3.")
        if not operations:
            raise ValueError("DigitsSource.operations is empty; name at least one of sum, difference, maximum.")
        self.num_digits = num_digits
        self.operations = tuple(operations)
        self.seed_scans = seed_scans
        sizes = {"seed": seed, "train": train, "validate": validate, "test": test, "unlabeled": unlabeled}
        self.sizes: dict[str, int] = sizes  # in an order that must stay: a split's place is part of its random seed
        self.phrasings = phrasings
        self.random_state = random_state

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`; the same arguments always give the same problems."""
        return [self._problem(split, i) for i in range(self.sizes[split])]

    def judge_steps(self, problem: Problem, steps: Sequence[str]) -> list[bool]:
        """Whether each step is a true statement about the digits in the image; anything else is not."""
        split, index = problem.id.removeprefix("digits-").rsplit("-", 1)
        drawing, _, _ = self._draw(split, int(index))
        return [_is_true(step, drawing) for step in steps]

    @cached_property
    def _scans(self) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.datasets import load_digits  # only where digits are drawn: it imports readers of many formats

        data = load_digits()
        order = np.random.default_rng(0).permutation(len(data.target))
        return data.images[order], data.target[order]

    def _draw(self, split: str, index: int) -> tuple[_Drawing, np.ndarray, np.random.Generator]:
        """One problem's digits, its image (8, 8·num_digits) in [0, 16], and the rest of its random numbers."""
        key = [self.random_state, list(self.sizes).index(split), index]
        rng = np.random.default_rng(key)
        images, targets = self._scans
        pool = np.arange(len(targets))[_SCANS["train" if split in ("seed", "unlabeled") else split]]
        if split == "seed":
            pool = np.random.default_rng(self.random_state).choice(pool, self.seed_scans, replace=False)
        scans = rng.choice(pool, self.num_digits)
        operation = self.operations[index % len(self.operations)]
        drawing = _Drawing(tuple(int(d) for d in targets[scans]), operation)
        return drawing, np.concatenate(images[scans], axis=1), rng

    def _problem(self, split: Split, index: int) -> Problem:
        drawing, pixels, rng = self._draw(split, index)
        return Problem(
            id=f"digits-{split}-{index}",
            question=_QUESTIONS[drawing.operation].format(n={2: "two", 3: "three"}[self.num_digits]),
            images=(_png(pixels),),
            answer=str(drawing.answer()),
            reasoning=self._chain(drawing, rng) if split == "seed" else None,
            source="digits",
        )

    def _chain(self, drawing: _Drawing, rng: np.random.Generator) -> str:
        """A true chain of thought; the phrasing is drawn where there are several."""
        names = _NAMES[self.num_digits]
        style = rng.integers([len(names), len(_VERBS), 2]) if self.phrasings else (0, 0, 0)
        readings = [
            f"The {name} digit {_VERBS[style[1]]} {digit}."
            for name, digit in zip(names[style[0]], drawing.digits, strict=True)
        ]
        digits = list(drawing.digits)
        if style[2]:
            readings, digits = readings[::-1], digits[::-1]
        steps = [*readings, _conclusion(digits, drawing)]
        lines = [f"Step {k}: {step}" for k, step in enumerate(steps, start=1)]
        return "\n".join([*lines, f"Answer: {drawing.answer()}"])


def _conclusion(digits: list[int], drawing: _Drawing) -> str:
    if drawing.operation == "sum":
        return f"{' + '.join(map(str, digits))} = {drawing.answer()}."
    if drawing.operation == "difference":
        return f"{max(digits)} - {min(digits)} = {drawing.answer()}."
    return f"The largest of {', '.join(map(str, digits[:-1]))} and {digits[-1]} is {drawing.answer()}."


def _is_true(step: str, drawing: _Drawing) -> bool:
    """Whether a step says something true about the digits; statements outside the grammar count as untrue."""
    statement = re.sub(r"^Step \d+: ", "", step)
    digits = drawing.digits
    if match := _READING.fullmatch(statement):
        positions = {name: i for names in _NAMES[len(digits)] for i, name in enumerate(names)}
        return match[1] in positions and digits[positions[match[1]]] == int(match[2])
    if match := _SUM.fullmatch(statement):
        return sorted(int(d) for d in match[1].split(" + ")) == sorted(digits) and int(match[2]) == sum(digits)
    if match := _DIFFERENCE.fullmatch(statement):
        high, low, result = (int(group) for group in match.groups())
        return (high, low, result) == (max(digits), min(digits), max(digits) - min(digits))
    if match := _MAXIMUM.fullmatch(statement):
        named = [*(int(d) for d in match[1].split(", ")), int(match[2])]
        return sorted(named) == sorted(digits) and int(match[3]) == max(digits)
    return False


def _png(pixels: np.ndarray) -> bytes:
    """Encodes pixels in [0, 16] as a white-on-black PNG, each scan pixel 2 x 2."""
    gray = np.clip(pixels * 16, 0, 255).astype(np.uint8).repeat(2, 0).repeat(2, 1)
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, format="PNG")
    return buffer.getvalue()
