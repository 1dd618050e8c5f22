"""Problems and responses to tensors, for any processor.

Notation: B rows, L tokens (padded to the longest row of the batch, never to a maximum).

Nothing here knows an architecture: which tensors grow with the response is in `appending`, what few architectures need
besides in `architectures`.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import torch
from transformers import ProcessorMixin

from lit_mstar.encoding.appending import Batch as Batch
from lit_mstar.encoding.appending import append_tokens
from lit_mstar.encoding.architectures import Architecture
from lit_mstar.encoding.control_tokens import ControlTokens
from lit_mstar.encoding.prompt_memory import PromptMemory, Recent
from lit_mstar.encoding.turn_end import learned_end
from lit_mstar.encoding.user_turn import user_turn
from lit_mstar.rollouts.identity import question_digest
from lit_mstar.rollouts.images import image_size, open_image
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.placeholders import Parts

IGNORE = -100  # the label of tokens that carry no loss, as in torch.nn.functional.cross_entropy
_SHAPES = 2**16  # prompts whose lengths are remembered, ours: a few megabytes


class Encoder:
    """The chat template, the tokenizer and the collation of one processor.

    Args:
        processor: An `AutoProcessor` with a chat template.
        prompt: What the user's turn says, with `{question}` and `{choices}`.
        system: What a system turn before it says; None leaves it out. A problem may bring its own.
        template: Arguments of the chat template, such as `enable_thinking`.
        stops: Tokens at which the model may stop besides the tokenizer's EOS: those of its `generation_config`.
        architecture: What the model needs beyond the generic path.
        context: The longest prompt and response that the model is made for, in tokens; None where it is unknown.
        vocabulary: How many tokens the model can say; None where it is unknown.
        memory: Bytes of processed prompts that are kept (`PromptMemory`); 0 keeps none.
    """

    def __init__(
        self,
        processor: ProcessorMixin,
        prompt: str = "{question}{choices}",
        system: str | None = None,
        template: Mapping[str, Any] | None = None,
        stops: Sequence[int] = (),
        architecture: Architecture = Architecture(),
        context: int | None = None,
        vocabulary: int | None = None,
        memory: int = 0,
    ) -> None:
        self.processor = processor
        self.tokenizer: Any = processor.tokenizer  # type: ignore[attr-defined]
        self.prompt = prompt
        self.system = system
        self.template = dict(template or {})
        self.architecture = architecture
        self.context = context
        self.vocabulary = vocabulary
        self._stops = tuple(stops)
        self._memory = PromptMemory(memory) if memory else None
        self._shapes = Recent(_SHAPES)

    @property
    def said(self) -> str:
        """What is said to the model besides a problem, as a text that differs where it does."""
        more = {name: value for name in ("system", "template") if (value := getattr(self, name))}
        return f"{self.prompt}\n{json.dumps(more, sort_keys=True)}" if more else self.prompt

    @cached_property
    def end_id(self) -> int:
        """The id of the token that ends the assistant's turn, which is what responses are taught to end in."""
        tokens: Any = self.tokenizer
        known = [*self._stops, tokens.eos_token_id]
        return int(learned_end(self.chat, self.controls, known, default=tokens.eos_token_id))

    @cached_property
    def end_ids(self) -> list[int]:
        """The ids of all tokens at which a response stops, `end_id` first: those of tokenizer and checkpoint."""
        return list(dict.fromkeys([self.end_id, int(self.tokenizer.eos_token_id), *self._stops]))

    @property
    def pad_id(self) -> int:
        """The id that fills short rows."""
        pad = self.tokenizer.pad_token_id
        return self.end_id if pad is None else int(pad)

    @property
    def forbidden_ids(self) -> list[int]:
        """Control tokens that no response may contain, such as an image's (`ControlTokens.unwritten` says which)."""
        found = sorted(self.controls.unwritten - {*self.end_ids})
        return [i for i in found if self.vocabulary is None or i < self.vocabulary]

    def prompt_text(self, problem: Problem, later: Sequence[tuple[str, str]] = ()) -> str:
        """The whole prompt, up to where the assistant begins; one placeholder per image.

        Args:
            problem: What the first turn asks.
            later: What was answered and what was asked then, turn by turn; texts alone.

        Placeholders in question and choices say where images go, by whatever name (`rollouts.placeholders`); where
        they do not fit the images they are removed and the images come first. Control tokens that a question or a
        choice spells are text, and get a zero-width space.

        Raises:
            ValueError: If the problem has more choices than there are letters.
        """
        return self._rendered(self.parts(problem), problem.system, later)

    def images(self, problem: Problem) -> tuple[str | bytes, ...]:
        """The problem's images in the order of their placeholders in the prompt."""
        return tuple(problem.images[part - 1] for part in self.parts(problem) if isinstance(part, int))

    def parts(self, problem: Problem, prompt: str | None = None) -> Parts:
        """The user's turn in texts and numbers of images; by another prompt than the problem's or the model's."""
        own = str(getattr(self.processor, "image_token", "<image>"))
        return user_turn(problem, prompt or problem.prompt or self.prompt, self.controls, own, self._inline)

    def _rendered(self, parts: Parts, system: str | None = None, later: Sequence[tuple[str, str]] = ()) -> str:
        content: Any = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in parts]
        system = self.system if system is None else system
        first = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
        turns = [*first, {"role": "user", "content": content}]
        for answer, question in later:
            said = {"assistant": answer, "user": self.controls.neutral(question)}
            turns += [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in said.items()]
        return self.chat(turns, add_generation_prompt=True)

    def chat(self, turns: list[dict[str, Any]], add_generation_prompt: bool = False) -> str:
        """Turns, each with a role and a list of parts, as the model's chat template writes them."""
        apply: Any = self.processor.apply_chat_template
        return str(apply(turns, add_generation_prompt=add_generation_prompt, **self.template))

    @cached_property
    def controls(self) -> ControlTokens:
        """The tokens that steer the model."""
        return ControlTokens(self.processor)

    @cached_property
    def _inline(self) -> bool:
        """Whether the chat template leaves images where they are; some templates put all of them first."""
        between = self._rendered(["[before]", 1, "[after]"]).partition("[before]")[2].partition("[after]")[0]
        return bool(between.strip())

    def prompt_ids(self, problem: Problem) -> list[int]:
        """The token ids of `prompt_text`, one placeholder per image: what engines that expand images take."""
        text = self.prompt_text(problem)
        return list(self.tokenizer(text, **self.special(text))["input_ids"])

    @cached_property
    def writes_bos(self) -> bool:
        """Whether the chat template writes the token that begins a text, so that the tokenizer must not."""
        return bool(self.special(self.prompt_text(Problem(id="probe", question="?"))))

    def special(self, text: str) -> dict[str, bool]:
        """Where a template has written BOS, the tokenizer must not do so again."""
        bos = self.tokenizer.bos_token
        return {"add_special_tokens": False} if bos and text.startswith(bos) else {}

    def text_ids(self, text: str) -> list[int]:
        """The token ids of a text, with nothing added; control tokens that it spells are text as well."""
        ids = self._ids(text)
        if self.controls.ids.isdisjoint(ids):
            return ids
        # A control token that is not flagged special, or a piece of the vocabulary: tokenizers split only the others.
        first, *more = self.controls.broken(text)
        return [*self._ids(first), *(token for piece in more for token in self.inner_ids(piece))]

    def inner_ids(self, piece: str) -> list[int]:
        """The ids of a piece as it is inside a text: some tokenizers put a space before whatever they are given."""
        line = self._ids("\n")
        within = self._ids(f"\n{piece}")[len(line) :]
        return within if self.decode(within, line) == piece else self._ids(piece)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def ids_and_ends(
        self, texts: Sequence[str], ends: Sequence[Sequence[int]]
    ) -> list[tuple[list[int], list[int]] | None]:
        """Of each text its `text_ids`, and the positions among them of the tokens with the characters before `ends`.

        None where these are unknown: of a tokenizer that does not say where in the text a token is, or of a text that
        spells control tokens.
        """
        if not texts or not self.tokenizer.is_fast:
            return [None for _ in texts]
        options = {"add_special_tokens": False, "split_special_tokens": True, "return_attention_mask": False}
        found = self.tokenizer([*texts], return_offsets_mapping=True, return_token_type_ids=False, **options)
        return [
            (list(ids), [bisect_left(places, (end,)) - 1 for end in of_text])
            if self.controls.ids.isdisjoint(ids)
            else None
            for ids, places, of_text in zip(found["input_ids"], found["offset_mapping"], ends, strict=True)
        ]

    def response_ids(self, text: str) -> list[int]:
        """The token ids of a whole response: its text and the end-of-turn token."""
        return [*self.text_ids(text), self.end_id]

    def decode(self, ids: Sequence[int], after: Sequence[int] = ()) -> str:
        """The text of response ids, without special tokens.

        Args:
            ids: Of the response, or of what follows a part of it.
            after: The ids before them: some tokenizers' texts lose a space where they begin.
        """
        head = str(self.tokenizer.decode(after, skip_special_tokens=True)) if len(after) else ""
        return str(self.tokenizer.decode([*after, *ids], skip_special_tokens=True))[len(head) :]

    def image_tokens(self, problem: Problem) -> int:
        """How many tokens the images of a problem take; they are decoded to find out."""
        whole = int(self.prompts([problem])["attention_mask"].sum())
        return whole - len(self.prompt_ids(problem)) + len(problem.images)

    def conversation(self, problem: Problem, later: Sequence[tuple[str, str]]) -> Batch:
        """Encodes one prompt with the turns that followed, as `prompt_text` has them; (1, L)."""
        return self._encoded([self.prompt_text(problem, later)], [problem])

    def prompts(self, problems: Sequence[Problem]) -> Batch:
        """Encodes the prompts alone, padded where their lengths differ.

        Raises:
            ValueError: If rows have unequally many images and the architecture cannot take them together.

        Returns:
            The processor's tensors: `input_ids` and `attention_mask` (B, L) int64, and what the images need.
        """

        def process(rows: Sequence[int]) -> Batch:
            some = [problems[row] for row in rows]
            return self._encoded([self.prompt_text(problem) for problem in some], some)

        if self._memory is None or len({self.prompt_shape(problem) for problem in problems}) != 1:
            return process(range(len(problems)))
        return self._memory.batch([self._key(p) for p in problems], len(problems[0].images), process)

    def prompt_shape(self, problem: Problem) -> tuple[Any, ...]:
        """The sizes of its images in pixels, and the tokens of its text: alike, they make equally long prompts.

        How many tokens an image takes depends on its size alone, so no image has to be decoded to find out.
        """
        key = self._key(problem)
        if (shape := self._shapes.get(key)) is None:
            sizes = tuple(image_size(image) for image in self.images(problem))
            self._shapes.put(key, shape := (sizes, len(self.prompt_ids(problem))), 1)
        return cast(tuple[Any, ...], shape)

    def _key(self, problem: Problem) -> str:
        return self.said + question_digest(problem)

    def _encoded(self, texts: list[str], problems: Sequence[Problem]) -> Batch:
        images = [[open_image(image) for image in self.images(problem)] for problem in problems]
        if not self.architecture.mixes and len({len(row) for row in images}) > 1:
            raise ValueError(
                f"A batch has rows with {sorted({len(row) for row in images})} images, which its architecture does not "
                "take together; set batch_size: 1, with accumulate_grad_batches for as large a step."
            )
        found = self.processor(
            text=texts,
            images=images if any(images) else None,
            padding=True,
            return_tensors="pt",
            **self.special(texts[0]),
        )
        return {name: value for name, value in found.items() if name != "labels"}  # some processors make them up

    def collate(self, problems: Sequence[Problem], responses: Sequence[Sequence[int]]) -> Batch:
        """Prompts followed by responses, padded on the right.

        Returns:
            `prompts`' tensors with (B, L) ones extended by the responses, and `labels` (B, L) int64: the
            response's ids at its positions, `IGNORE` elsewhere.
        """
        prompts = self.prompts(problems)
        tails = [torch.tensor(response, dtype=torch.long) for response in responses]
        batch = append_tokens(prompts, tails, self.pad_id, self.architecture.fills)
        prompt_lengths = prompts["attention_mask"].sum(1)
        labels = torch.full_like(batch["input_ids"], IGNORE)
        for row, (start, tail) in enumerate(zip(prompt_lengths.tolist(), tails, strict=True)):
            labels[row, start : start + len(tail)] = tail
        return batch | {"labels": labels}
