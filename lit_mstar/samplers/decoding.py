"""Decoding for the embedded engine: rows that are done leave, waiting ones enter, prompts of all lengths together.

Padding, and tokens fed together, change the order of sums, and so the last bits of a logit. Where so little decides
which token is drawn, the response is computed alone, so it depends neither on what is decoded beside it nor on what was
guessed: a run that is resumed goes on as if nothing had happened.

Notation: R rows in the batch, T tokens fed to each at once: its last one, and what is guessed to follow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lit_mstar.encoding.appending import Batch, append_tokens, without_last
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.prompt_cache import (
    EncodedPrompts,
    encode_prompts,
    equal_prompts,
    fit,
    forget,
    inference,
    keeps_positions,
    padded_prompts,
)
from lit_mstar.encoding.rows import Rows
from lit_mstar.rollouts.nouns import Problem, SamplingParams
from lit_mstar.samplers.base import first_stop, response_stream
from lit_mstar.samplers.drafts import Drafts
from lit_mstar.samplers.drawing import TokenDraw

_DONE = 0.2  # share of rows that are done before they leave: each time, what is kept of the others is copied (ours)
_PIECES = 4  # into how many pieces a full batch enters (ours)
# What one more token a row costs, as a share of a step with one, ours: measured on a CPU's cores, a guess elsewhere.
_COST, _COST_ELSEWHERE = {"cpu": 0.4}, 0.05
_LOGITS = 2**27  # most logits of a step, in numbers, that guesses may bring it to (ours: half a gigabyte)

Prompt = tuple[Problem, str]  # and the beginning of the response


def tensors(encoder: Encoder, prompts: Sequence[Prompt], said: Sequence[int] = ()) -> Batch:
    """Prompts, each with the beginning of its response and what was said since; shorter rows padded on the right."""
    tails = [torch.tensor([*encoder.text_ids(prefix), *said], dtype=torch.long) for _, prefix in prompts]
    return append_tokens(encoder.prompts([problem for problem, _ in prompts]), tails, encoder.pad_id)


def draft_key(prompt: Prompt) -> tuple[str, str]:
    """What `Drafts` knows a prompt by."""
    problem, prefix = prompt
    return problem.id, prefix


def begin(model: Any, encoder: Encoder, prompts: Sequence[Prompt]) -> tuple[EncodedPrompts, list[int]]:
    """Encodes prompts but for their last tokens, and returns these beside."""
    batch = tensors(encoder, prompts)
    mask = batch["attention_mask"].clone()
    ends = mask.sum(1, keepdim=True) - 1
    last = batch["input_ids"].gather(1, ends)[:, 0].tolist()
    batch = without_last(batch | {"attention_mask": mask.scatter_(1, ends, 0)})
    return encode_prompts(model, fit(batch, model), logits_to_keep=1), last


@dataclass
class Line:
    """A response in progress: the `number`-th of its prompt."""

    prompt: int
    number: int
    last: int  # the token that the model has yet to see
    uniforms: NDArray[np.float64]  # in [0, 1), one a token; 0 after `max_tokens`, where nothing counts
    ids: list[int] = field(default_factory=list)
    done: bool = False


class Decoding:
    """Draws N responses to each of several prompts.

    Args:
        model: The policy's.
        encoder: The policy's.
        prompts: What is asked.
        sampling: How it is drawn.
        batch_size: Most rows at the same time (but never fewer than one problem's).
        mixed: Whether prompts of different lengths are decoded together.
        drafts: What was sampled before; None guesses nothing.
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        prompts: Sequence[Prompt],
        sampling: SamplingParams,
        batch_size: int,
        mixed: bool,
        drafts: Drafts | None,
    ) -> None:
        self.model, self.encoder, self.prompts, self.sampling = model, encoder, prompts, sampling
        self.mixed, self.drafts = mixed, drafts if mixed else None
        self.capacity = max(1, batch_size // sampling.n)
        size = -(-self.capacity // _PIECES) if mixed else self.capacity
        # Positions that a model keeps count padding in ways of their own.
        group = padded_prompts if mixed and not keeps_positions(model) else equal_prompts
        self.waiting = deque(group(encoder, prompts, size))
        self.lines: list[Line] = []
        self.rows: Rows | None = None
        self.finished: dict[int, list[Line]] = {}
        self.draw = TokenDraw(sampling, encoder.forbidden_ids)
        self.exact = model.dtype == torch.float32  # in half precision, rounding is no small thing
        self.cost = _COST.get(model.device.type, _COST_ELSEWHERE)
        self.ends, self.pad = frozenset(encoder.end_ids), encoder.pad_id

    def __iter__(self) -> Iterator[tuple[int, list[list[int]]]]:
        """Yields (position of a prompt, the ids of its N responses); the model is as it was between two yields."""
        while self.waiting or self.lines:
            with inference(self.model):
                self._enter()
                while not self._crowded():
                    self._step()
                done = self._leave()
            yield from done

    def _crowded(self) -> bool:
        """Whether enough rows are done to go on without them."""
        return sum(line.done for line in self.lines) >= max(1, _DONE * len(self.lines))

    def _enter(self) -> None:
        n, entering = self.sampling.n, []
        while self.waiting and (not self.lines or self._fits(len(self.waiting[0]))):
            piece = self.waiting.popleft()
            encoded, last = begin(self.model, self.encoder, [self.prompts[i] for i in piece])
            entering.append(Rows(encoded, n))
            self.lines += [self._line(i, k, token) for i, token in zip(piece, last, strict=True) for k in range(n)]
        together = [self.rows, *entering] if self.rows else entering
        self.rows = together[0]
        if len(together) > 1:
            self.rows.join(together[1:])

    def _fits(self, more: int) -> bool:
        return self.mixed and len(self.lines) + more * self.sampling.n <= self.capacity * self.sampling.n

    def _line(self, prompt: int, number: int, last: int) -> Line:
        uniforms = np.zeros(self.sampling.max_tokens + (self.drafts.longest if self.drafts else 0))
        if self.sampling.temperature > 0:
            stream = response_stream(self.sampling.seed, *self.prompts[prompt], number)
            uniforms[: self.sampling.max_tokens] = stream.random(self.sampling.max_tokens)
        return Line(prompt, number, last, uniforms)

    def _step(self) -> None:
        """Feeds each row its last token with what is guessed to follow, and takes what is drawn after them."""
        assert self.rows is not None, "rows have entered"  # noqa: S101
        guesses = self._guesses()
        length = 1 + max(map(len, guesses))
        fed = [[line.last, *guess] for line, guess in zip(self.lines, guesses, strict=True)]
        ids = torch.tensor([row + [self.pad] * (length - len(row)) for row in fed])
        starts = [len(line.ids) if not line.done else 0 for line in self.lines]
        uniforms = [line.uniforms[at : at + length] for line, at in zip(self.lines, starts, strict=True)]
        logits = self.rows.forward(ids.to(self.rows.mask.device))
        drawn, sure = (found.tolist() for found in self.draw(logits, torch.from_numpy(np.stack(uniforms))))
        counts = [self._take(*row) for row in zip(self.lines, guesses, drawn, sure, strict=True)]
        self.rows.keep_tokens(torch.tensor(counts, device=self.rows.mask.device), length)
        if self.drafts and length > 1:
            alive = [i for i, line in enumerate(self.lines) if guesses[i] or not line.done]
            self.drafts.learn([counts[i] - 1 for i in alive], length - 1)

    def _guesses(self) -> list[list[int]]:
        most = _LOGITS // (len(self.lines) * (self.encoder.vocabulary or 1)) - 1
        length = min(self.drafts.length(self.cost), most) if self.drafts else 0
        if length < 1:
            return [[] for _ in self.lines]
        return [self._guess(line, length) for line in self.lines]

    def _guess(self, line: Line, length: int) -> list[int]:
        room = min(length, self.sampling.max_tokens - len(line.ids) - 1)
        assert self.drafts is not None  # noqa: S101
        if line.done:
            return []
        uniforms = line.uniforms[len(line.ids) :] if self.sampling.temperature > 0 else None
        return self.drafts.guess(draft_key(self.prompts[line.prompt]), line.ids, room, uniforms)

    def _take(self, line: Line, guess: list[int], drawn: list[int], sure: list[bool]) -> int:
        """Adds what was drawn, as far as guesses were right; returns how many of the tokens fed are the row's own."""
        if line.done:
            return 1
        for count, token in enumerate(drawn[: len(guess) + 1], 1):
            if not sure[count - 1] and self.exact:
                token = self._alone(line)
            line.ids.append(token)
            line.last = token
            line.done = self._ends(line.ids)
            if line.done or guess[count - 1 : count] != [token]:
                break
        return count

    def _alone(self, line: Line) -> int:
        """The next token as the response by itself draws it, from one pass over all that it is."""
        batch = fit(tensors(self.encoder, [self.prompts[line.prompt]], line.ids), self.model)
        forget(self.model)
        logits = self.model(**batch, logits_to_keep=1).logits[:, -1:]
        return int(self.draw(logits, torch.tensor([[line.uniforms[len(line.ids)]]]))[0])

    def _ends(self, ids: list[int]) -> bool:
        if ids[-1] in self.ends or len(ids) == self.sampling.max_tokens:
            return True
        stop = self.sampling.stop
        if not stop:
            return False
        # A character takes four tokens at the most; only what is new is looked at, and the whole where it is there.
        new = ids[-4 * max(map(len, stop)) - 4 :]
        return bool(first_stop(self.encoder.decode(new), stop) and first_stop(self.encoder.decode(ids), stop))

    def _leave(self) -> list[tuple[int, list[list[int]]]]:
        """Takes rows that are done out; returns the prompts all of whose responses are."""
        alive = [i for i, line in enumerate(self.lines) if not line.done]
        complete = []
        for line in (line for line in self.lines if line.done):
            of_prompt = self.finished.setdefault(line.prompt, [])
            of_prompt.append(line)
            if len(of_prompt) == self.sampling.n:
                complete.append(line.prompt)
        self.lines = [self.lines[i] for i in alive]
        if not alive:
            self.rows = None
        elif self.rows is not None:
            self.rows.keep_rows(torch.tensor(alive, device=self.rows.mask.device))
        return [(prompt, self._responses(prompt)) for prompt in complete]

    def _responses(self, prompt: int) -> list[list[int]]:
        found = [line.ids for line in sorted(self.finished.pop(prompt), key=lambda line: line.number)]
        if self.drafts:
            self.drafts.remember(draft_key(self.prompts[prompt]), found)
        return found
