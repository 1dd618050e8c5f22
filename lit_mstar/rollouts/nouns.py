"""The nouns: problems, the responses sampled for them, and the iteration they were sampled in.

Plain dataclasses without behaviour worth the name; `ledger.py` writes them to disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lit_mstar.rollouts.waves import Waves

AnswerType = Literal["number", "letter", "option", "list", "text", "expression"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A question about zero or more images.

    Args:
        id: Unique within its source; the ledger refers to problems by it.
        question: The question as the user would ask it.
        images: File paths (`str`) or encoded image files (`bytes`); opened only when they are needed.
        answer: The reference answer; None marks an unlabeled problem.
        choices: The options of a multiple-choice question, in the order A, B, C, …
        reasoning: A chain of thought that ends in the answer, where one is known (seed data).
        source: Where the problem comes from, as "file:line" where it is a row of one; for people.
        accepted: Other answers that are right as well.
        answer_type: What the answer is; None leaves it to the grader to tell. "letter" and "option" say which of
            both the answer to a multiple-choice question is: the letter of an option, or its text.
        precision: Decimal places to which a numeric answer is given: both sides are rounded to it.
        unit: The unit of a numeric answer that is written without it.
        system: What the system turn before it says; None leaves that to the backbone.
        prompt: What the user's turn says, with `{question}` and `{choices}`; None leaves that to the backbone.
        tags: What kind of problem it is, for tables: `{"category": "geometry"}`. Nobody who answers sees it.
    """

    id: str
    question: str
    images: tuple[str | bytes, ...] = ()
    answer: str | None = None
    choices: tuple[str, ...] = ()
    reasoning: str | None = None
    source: str = ""
    accepted: tuple[str, ...] = ()
    answer_type: AnswerType | None = None
    precision: int | None = None
    unit: str | None = None
    system: str | None = None
    prompt: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)


# Whether each step of a chain is true of the problem's images; None where nobody can tell.
Judge = Callable[[Problem, Sequence[str]], list[bool] | None]


@dataclass(kw_only=True)
class Response:
    """One sampled chain of thought and what is known about it.

    Args:
        text: The decoded response, without the end-of-turn token.
        token_ids: The ids of `text`, as sampled where they agree with it, and the end-of-turn token unless it was cut.
        finish_reason: "stop" (end-of-turn token or a stop string) or "length" (cut at `max_tokens`).
        temperature: The sampling temperature; 0 is greedy.
        steps: The reasoning steps (`steps.split_steps`).
        answer: The extracted final answer; None where there is none.
        correct: Whether the answer matches the reference; None where there is no reference.
        rule: Why it counts as correct or not: the grader's rule that decided; empty where nothing was decided.
        step_scores: One process reward in [0, 1] per step; empty until something scored it.
        score: The aggregated reward; None until something scored it.
    """

    text: str
    token_ids: list[int] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] = "stop"
    temperature: float = 1.0
    steps: list[str] = field(default_factory=list)
    answer: str | None = None
    correct: bool | None = None
    rule: str = ""
    step_scores: list[float] = field(default_factory=list)
    score: float | None = None


@dataclass(kw_only=True)
class Rollout:
    """One problem with its N responses; `selected` holds the indices of those the policy will learn from."""

    problem: Problem
    responses: list[Response]
    selected: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How responses are drawn.

    Args:
        n: Responses per problem (the paper samples 16).
        temperature: 0 is greedy; the paper's fixed temperature is 1.0.
        top_p: Nucleus mass in (0, 1]; 1 samples from the whole distribution.
        max_tokens: Longest response, in tokens (the default is ours).
        stop: Strings that end a response; the matched string is kept in the text.
        seed: Every response draws from a stream of its own, derived from (seed, problem id, index), so it
            does not depend on what else is sampled beside it.

    Raises:
        ValueError: If a value is outside its range.
    """

    n: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, ok, wanted in (
            ("n", self.n >= 1, "at least 1"),
            ("temperature", self.temperature >= 0, "0 (greedy) or more"),
            ("top_p", 0 < self.top_p <= 1, "in (0, 1]"),
            ("max_tokens", self.max_tokens >= 1, "at least 1"),
        ):
            if not ok:
                raise ValueError(f"SamplingParams.{name} is {getattr(self, name)}; it must be {wanted}.")

    def greedy(self) -> SamplingParams:
        """The same limits and stop rules, for one greedy response."""
        return replace(self, n=1, temperature=0.0, top_p=1.0)


@dataclass(kw_only=True)
class Iteration:
    """One Generate step of the paper: which problems were sampled, how, and what came of it.

    Args:
        index: Counts from 0; one Lightning epoch is one iteration.
        problems: The problems to sample; callbacks may add to them in `on_sampling_start`.
        sampling: The sampling parameters; callbacks may replace them in `on_sampling_start`.
        split: "train", or "validate" where a callback samples only to measure.
        rollouts: One per problem, once sampled. Of a training iteration only some are in memory at a time: change
            a rollout while it is its turn in a loop.
        divided: Whether `rollouts` are only this rank's part of them (`EvolutionCallback.divisible`).
        counts: How many responses of all ranks' rollouts are "sampled", "correct", "kept" and "cut" at `max_tokens`,
            once what to learn from is chosen.
        metrics: What callbacks measured; written to the ledger when the iteration ends.
        waves: How many responses a problem takes, where that is not `sampling.n` for each.
    """

    index: int
    problems: list[Problem]
    sampling: SamplingParams
    split: Literal["train", "validate"] = "train"
    rollouts: Sequence[Rollout] = field(default_factory=list)
    divided: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    metrics: dict[str, float] = field(default_factory=dict)
    waves: Waves | None = None
