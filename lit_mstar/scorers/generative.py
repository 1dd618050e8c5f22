"""Reward models that write their verdicts: any chat model, behind a URL or on an engine of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import torch

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.models.backbone import Backbone
from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers.base import Sampler
from lit_mstar.samplers.chat_server import ChatServerSampler
from lit_mstar.samplers.transformers import TransformersSampler
from lit_mstar.scorers.base import Scores, StepScorer
from lit_mstar.scorers.verdicts import BAD, GOOD, last_verdict, verdicts

Per = Literal["chain", "step"]

_PROMPTS: dict[Per, str] = {
    "chain": (
        "Question: {question}{choices}\n\nA solution in {count} steps:\n\n{steps}\n\n"
        "Is each step right, given the question, the image and the steps before it? Think as long as you need. Then "
        'write one line for each step, "Step 1: correct" or "Step 1: incorrect", and nothing after them.'
    ),
    "step": (
        "Question: {question}{choices}\n\nThe beginning of a solution:\n\n{steps}\n\n"
        "Is the last step right, given the question, the image and the steps before it? Think as long as you need. End "
        "with \\boxed{Yes} or \\boxed{No}."
    ),
}


@dataclass
class _Judge:
    """What a sampler needs of a policy."""

    model: Any
    encoder: Encoder
    backbone: Backbone

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device  # type: ignore[no-any-return]


class GenerativeScorer(StepScorer):
    r"""Asks a model in words; a step's score is the share of votes that call it right.

    A vote that cannot be read counts as one that calls the step wrong, and is reported: it is never taken for good. All
    defaults are ours.

    Args:
        url: An OpenAI-compatible server's base, as `http://127.0.0.1:8000/v1`; or leave it out and give `backbone`.
        model: The name under which it serves the model; the first that it names by default.
        backbone: A model for an engine of ours.
        sampler: That engine; the embedded one by default.
        prompt: What it is asked, with `{question}`, `{choices}`, `{steps}`, `{count}`; ours by default. A verdict is a
            line "Step 2: incorrect" for each step, or, asked for one step, `\boxed{No}` or a word on a line.
        per: Ask once for a chain, or once for each step.
        votes: How many replies are drawn; one is greedy.
        temperature: Of several votes.
        max_tokens: Longest reply.
        good: Words that call a step right, in any case.
        bad: Words that call it wrong.
        token_file: A file with the token that the server wants.
        timeout: Seconds that one reply may take.
        retries: How often a request that failed is sent again.
        aggregation: Step scores to one.
        threshold: The least score of a step that counts as right.

    Raises:
        ValueError: If there is neither or both of `url` and `backbone`, or the prompt lacks `{steps}`; when it scores,
            if nothing at all can be read.
        ConnectionError: If the server stays away; what was sampled is kept.
    """

    def __init__(
        self,
        url: str | None = None,
        model: str | None = None,
        backbone: Backbone | None = None,
        sampler: Sampler | None = None,
        prompt: str | None = None,
        per: Per = "chain",
        votes: int = 1,
        temperature: float = 0.7,
        max_tokens: int = 1024,
        good: Sequence[str] = GOOD,
        bad: Sequence[str] = BAD,
        token_file: Path | None = None,
        timeout: float = 600.0,
        retries: int = 2,
        aggregation: Aggregation = "min",
        threshold: float = 0.5,
    ) -> None:
        if (url is None) == (backbone is None):
            raise ValueError("GenerativeScorer needs either url, a server's, or backbone, a model for an engine here.")
        if votes < 1:
            raise ValueError(f"GenerativeScorer.votes is {votes}; it must be at least 1.")
        self.prompt = prompt or _PROMPTS[per]
        if "{steps}" not in self.prompt:
            raise ValueError(f"GenerativeScorer.prompt is {self.prompt!r}; it must contain {{steps}}.")
        self.url = url
        self.backbone = backbone
        self.sampler = sampler or (
            ChatServerSampler(url, model, token_file=token_file, timeout=timeout, retries=retries)
            if url
            else TransformersSampler()
        )
        self.per: Per = per
        self.sampling = SamplingParams(n=votes, temperature=0.0 if votes == 1 else temperature, max_tokens=max_tokens)
        self.good, self.bad = tuple(good), tuple(bad)
        self.aggregation = aggregation
        self.threshold = threshold
        self._judge: _Judge | None = None
        self._read, self._unread, self._example = 0, 0, ""

    def check(self) -> None:
        """See `StepScorer.check`; asks the server for its name, so that one that is away is noticed at once."""
        if self.backbone:
            self.backbone.check()
        else:
            self.sampler.load_policy(None)  # type: ignore[arg-type]  # a server has weights of its own

    def place(self, device: torch.device) -> None:
        """See `StepScorer.place`."""
        if self.backbone is None:
            self.sampler.load_policy(None)  # type: ignore[arg-type]
            return
        if self._judge is None:
            model = self.backbone.load_model().eval().requires_grad_(False)  # type: ignore[no-untyped-call]
            self._judge = _Judge(model, self.backbone.encoder, self.backbone)
        self._judge.model.to(device)
        self.sampler.load_policy(self._judge)

    def rest(self) -> None:
        """See `StepScorer.rest`."""
        self.sampler.rest()
        if self._judge:
            self._judge.model.to("cpu")

    def close(self) -> None:
        """See `StepScorer.close`."""
        self.sampler.close()

    def score(self, rollouts: Sequence[Rollout]) -> Scores:
        """See `StepScorer.score`; equal chains about a problem are judged once, all of them in flight together."""
        if self.backbone and self._judge is None:
            self.place(torch.device("cpu"))
        chains = [
            (i, c) for i, x in enumerate(rollouts) for c in dict.fromkeys(tuple(r.steps) for r in x.responses) if c
        ]
        asked = [self._asked(rollouts[i].problem, list(chain), n) for n, (i, chain) in enumerate(chains)]
        questions = [question for of_chain in asked for question in of_chain]
        replies: dict[str, list[str]] = {}
        for _, rollout in self.sampler.sample(questions, self.sampling):
            replies[rollout.problem.id] = [response.text for response in rollout.responses]
        found: dict[tuple[int, tuple[str, ...]], list[float]] = {}
        for (i, chain), of_chain in zip(chains, asked, strict=True):
            found[i, chain] = self._scores([replies[question.id] for question in of_chain], len(chain))
        return [[list(found.get((i, tuple(r.steps)), [])) for r in x.responses] for i, x in enumerate(rollouts)]

    def said(self) -> str:
        """See `StepScorer.said`."""
        unread, total, example = self._unread, self._read + self._unread, self._example
        self._read, self._unread, self._example = 0, 0, ""
        if not unread:
            return ""
        return (
            f"{unread} of {total} verdicts on steps could not be read and count as wrong; one reply ends {example!r}. "
            "Change GenerativeScorer.prompt, good or bad, or give more max_tokens."
        )

    def _asked(self, problem: Problem, steps: list[str], number: int) -> list[Problem]:
        """The questions about a chain."""
        heads = [steps] if self.per == "chain" else [steps[: k + 1] for k in range(len(steps))]
        return [
            Problem(
                id=f"{number} {k} {problem.id}",
                question=problem.question,
                choices=problem.choices,
                images=problem.images,
                prompt=self._filled(head),
            )
            for k, head in enumerate(heads)
        ]

    def _filled(self, steps: list[str]) -> str:
        """The prompt with the steps, in which braces mean nothing, nor what spells a control token."""
        shown = "\n".join(f"Step {k}: {_bare(step)}" for k, step in enumerate(steps, start=1))
        if self.backbone:
            shown = self.backbone.encoder.controls.neutral(shown)
        for place in ("{question}", "{choices}"):
            shown = shown.replace(place, place.replace("{", "{\u200b"))
        return self.prompt.replace("{count}", str(len(steps))).replace("{steps}", shown)

    def _scores(self, replies: list[list[str]], steps: int) -> list[float]:
        """The share of good votes for each step; `replies` are one question's for a chain, or one question's a step."""
        if self.per == "chain":
            votes = [verdicts(text, steps, self.good, self.bad) for text in replies[0]]
            columns = list(zip(*votes, strict=True))
        else:
            columns = [tuple(last_verdict(text, self.good, self.bad) for text in of_step) for of_step in replies]
        unread = sum(vote is None for column in columns for vote in column)
        self._read += steps * self.sampling.n - unread
        self._unread += unread
        if unread and not self._example:
            self._example = replies[0][0][-80:]
        return [fmean(vote is True for vote in column) for column in columns]


def _bare(step: str) -> str:
    """A step without a number of its own, as it is numbered here."""
    head, colon, rest = step.partition(":")
    return rest.strip() if colon and head.lower().replace("step", "").strip(" *#").isdigit() else step
