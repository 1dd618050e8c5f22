"""`lit-mstar chat`: questions about images, answered as the model writes, each step with its score."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers.utils.logging import disable_progress_bar

from lit_mstar.encoding.prompt_cache import fit, forget, inference
from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of
from lit_mstar.models.backbone import Backbone
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem, Response, Rollout
from lit_mstar.scorers.base import StepScorer, require_scores
from lit_mstar.sharing.exported import find_exported
from lit_mstar.sharing.streamed import Plain, Scored, Stream
from lit_mstar.terminal.output import filtered_output


class Chat:
    """A conversation about images.

    Args:
        backbone: The model.
        images: Those that the first question is about.
        prm: Scores steps; None shows answers without scores.
        temperature: 0 is greedy.
        max_tokens: Of an answer.
        device: Where it runs.
    """

    def __init__(
        self,
        backbone: Backbone,
        images: Sequence[str] = (),
        prm: StepScorer | None = None,
        temperature: float = 0.0,
        max_tokens: int = 512,
        device: str = "cpu",
    ) -> None:
        for image in images:
            open_image(image)  # what is wrong with it is said before a model is loaded
        self.encoder = backbone.encoder
        self.model: Any = backbone.load_model().eval().to(device)  # type: ignore[no-untyped-call]
        self.prm = prm
        if prm:
            prm.place(torch.device(device))
        self.images = tuple(images)
        self.temperature = temperature
        self.max_tokens = max_tokens
        self._first: Problem | None = None
        self._later: list[tuple[str, str]] = []  # an answer, and the question that followed it
        self._answer = ""

    def ask(self, question: str, console: Console) -> str:
        """Answers a question, in view of all that was said before; prints the answer as it comes, and returns it."""
        if self._first is None:
            self._first = Problem(id="chat", question=question, images=self.images)
        else:
            self._later.append((self._answer, question))
        stream = self._stream(question, console)
        batch = fit(self.encoder.conversation(self._first, self._later), self.model)
        drawn = {"do_sample": True, "temperature": self.temperature} if self.temperature else {"do_sample": False}
        forget(self.model)
        with inference(self.model):
            self.model.generate(
                **batch,
                **drawn,
                max_new_tokens=self.max_tokens,
                eos_token_id=self.encoder.end_ids,
                pad_token_id=self.encoder.pad_id,
                suppress_tokens=self.encoder.forbidden_ids or None,
                streamer=stream,
            )
        self._answer = stream.said.strip()
        return self._answer

    def scores(self, question: str, steps: list[str]) -> list[float]:
        """The reward model's score of each step of an answer to a question about the images."""
        assert self.prm is not None  # noqa: S101 - only then is it asked
        problem = Problem(id="chat", question=question, images=self.images)
        response = Response(text="\n".join(steps), steps=steps)
        return require_scores(self.prm, [Rollout(problem=problem, responses=[response])])[0][0]

    def _stream(self, question: str, console: Console) -> Stream:
        tokenizer = self.encoder.tokenizer
        if self.prm is None:
            return Plain(tokenizer, console)
        return Scored(tokenizer, console, ReasoningFormat().steps, lambda steps: self.scores(question, steps))


def main(args: list[str]) -> None:
    """Parses the command line of `lit-mstar chat` and talks until there are no more questions."""
    options = parser_of("chat").parse_args(args)
    search_here()
    console = Console(highlight=False, soft_wrap=True)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    with filtered_output("normal"):
        prm = _scorer(options.prm) if options.prm else None
        model = _folder(Path(options.model), "policy") if Path(options.model).exists() else options.model
        device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        backbone = Backbone(str(model), dtype="auto")
        images = [str(image) for image in options.image]
        chat = Chat(backbone, images, prm, options.temperature, options.max_tokens, device)
        for question in _questions(options.question, console):
            chat.ask(question, console)
        if prm:
            if said := prm.said():
                console.print(said, style="dim", markup=False)
            prm.close()


def _folder(path: Path, what: Any) -> Path:
    """A model's folder, or the one in a run that is meant."""
    return find_exported(path, what).folder


def _scorer(path: Path) -> StepScorer:
    """The reward model in a run or a folder, or the one that a YAML file describes."""
    return scorer_of(str(path if path.is_file() else _folder(path, "prm")))


def _questions(given: Sequence[str], console: Console) -> Iterator[str]:
    """Those of the command line, then, if somebody sits there, what is typed, else the lines of the input."""
    for question in given:
        console.print(f"> {question}", style="bold", markup=False)
        yield question
    if sys.stdin.isatty():
        console.print("Ask; an empty line ends it.", style="dim")
        while question := _typed(console):
            yield question
    elif not given:
        yield from (line.strip() for line in sys.stdin if line.strip())


def _typed(console: Console) -> str:
    try:
        return console.input("[bold]> [/bold]").strip()
    except EOFError:
        return ""
