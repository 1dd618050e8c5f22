"""Problems and responses to tensors, for any processor.

Notation: B rows, L tokens (padded to the longest row of the batch, never to a maximum).

Nothing here knows an architecture. A processor's output has two kinds of tensors: those shaped like `input_ids`
(B, L), which grow with the response, and the rest (pixels, grids, tile masks, whatever their first dimension
counts), which are passed on as the processor batched them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import ProcessorMixin

from lit_mstar.models.control_tokens import ControlTokens
from lit_mstar.models.user_turn import user_turn
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.placeholders import Parts

IGNORE = -100  # the label of tokens that carry no loss, as in torch.nn.functional.cross_entropy

Batch = dict[str, Tensor]


class Encoder:
    """The chat template, the tokenizer and the collation of one processor.

    Args:
        processor: An `AutoProcessor` with a chat template.
        prompt: What the user's turn says, with `{question}` and `{choices}`.
    """

    def __init__(self, processor: ProcessorMixin, prompt: str = "{question}{choices}") -> None:
        self.processor = processor
        self.tokenizer: Any = processor.tokenizer  # type: ignore[attr-defined]
        self.prompt = prompt

    @property
    def end_id(self) -> int:
        """The id of the token that ends the assistant's turn."""
        return int(self.tokenizer.eos_token_id)

    @property
    def pad_id(self) -> int:
        """The id that fills short rows."""
        pad = self.tokenizer.pad_token_id
        return self.end_id if pad is None else int(pad)

    @property
    def forbidden_ids(self) -> list[int]:
        """Control tokens that no response may contain: an image placeholder without its image breaks any model."""
        return sorted(self._controls.ids - {self.end_id})

    def prompt_text(self, problem: Problem) -> str:
        """The whole prompt, up to where the assistant begins; one placeholder per image.

        Placeholders in question and choices say where images go, by whatever name (`rollouts.placeholders`); where
        they do not fit the images they are removed and the images come first. Control tokens that a question or a
        choice spells are text, and get a zero-width space.

        Raises:
            ValueError: If the problem has more choices than there are letters.
        """
        return self._rendered(self._turn(problem))

    def images(self, problem: Problem) -> tuple[str | bytes, ...]:
        """The problem's images in the order of their placeholders in the prompt."""
        return tuple(problem.images[part - 1] for part in self._turn(problem) if isinstance(part, int))

    def _turn(self, problem: Problem) -> Parts:
        own = str(getattr(self.processor, "image_token", "<image>"))
        return user_turn(problem, self.prompt, self._controls, own, self._inline)

    def _rendered(self, parts: Parts) -> str:
        content: Any = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in parts]
        turn: Any = [{"role": "user", "content": content}]
        return str(self.processor.apply_chat_template(turn, add_generation_prompt=True))

    @cached_property
    def _controls(self) -> ControlTokens:
        return ControlTokens(self.processor)

    @cached_property
    def _inline(self) -> bool:
        """Whether the chat template leaves images where they are; some templates put all of them first."""
        between = self._rendered(["[before]", 1, "[after]"]).partition("[before]")[2].partition("[after]")[0]
        return bool(between.strip())

    def prompt_ids(self, problem: Problem) -> list[int]:
        """The token ids of `prompt_text`, one placeholder per image: what engines that expand images take."""
        return list(self.tokenizer(self.prompt_text(problem))["input_ids"])

    def text_ids(self, text: str) -> list[int]:
        """The token ids of a text, with nothing added; control tokens that it spells are text as well."""
        ids = self._ids(text)
        if self._controls.ids.isdisjoint(ids):
            return ids
        # A control token that is not flagged special, or a piece of the vocabulary: tokenizers split only the others.
        return [token for piece in self._controls.broken(text) for token in self._ids(piece)]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def response_ids(self, text: str) -> list[int]:
        """The token ids of a whole response: its text and the end-of-turn token."""
        return [*self.text_ids(text), self.end_id]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of response ids, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def prompts(self, problems: Sequence[Problem]) -> Batch:
        """Encodes the prompts alone, padded where their lengths differ.

        Returns:
            The processor's tensors: `input_ids` and `attention_mask` (B, L) int64, and what the images need.
        """
        images = [[open_image(image) for image in self.images(problem)] for problem in problems]
        return dict(
            self.processor(
                text=[self.prompt_text(problem) for problem in problems],
                images=images if any(images) else None,
                padding=True,
                return_tensors="pt",
            )
        )

    def collate(self, problems: Sequence[Problem], responses: Sequence[Sequence[int]]) -> Batch:
        """Prompts followed by responses, padded on the right.

        Returns:
            `prompts`' tensors with (B, L) ones extended by the responses, and `labels` (B, L) int64: the
            response's ids at its positions, `IGNORE` elsewhere.
        """
        prompts = self.prompts(problems)
        tails = [torch.tensor(response, dtype=torch.long) for response in responses]
        batch = append_tokens(prompts, tails, self.pad_id)
        prompt_lengths = prompts["attention_mask"].sum(1)
        labels = torch.full_like(batch["input_ids"], IGNORE)
        for row, (start, tail) in enumerate(zip(prompt_lengths.tolist(), tails, strict=True)):
            labels[row, start : start + len(tail)] = tail
        return batch | {"labels": labels}


def append_tokens(prompts: Mapping[str, Tensor], tails: Sequence[Tensor], pad_id: int) -> Batch:
    """Appends one tail of token ids to each row of an encoded prompt; rows are padded anew, on the right.

    Tensors shaped like `input_ids` are extended: the mask by 1, others (token types) by 0, which marks text.
    """
    ids, mask = prompts["input_ids"], prompts["attention_mask"].bool()
    batch: Batch = {}
    for name, value in prompts.items():
        if value.shape != ids.shape or value.is_floating_point():
            batch[name] = value
            continue
        fill = 1 if name == "attention_mask" else 0
        rows = [
            torch.cat([row[keep], tail if name == "input_ids" else torch.full_like(tail, fill)])
            for row, keep, tail in zip(value, mask, tails, strict=True)
        ]
        batch[name] = pad_sequence(rows, batch_first=True, padding_value=pad_id if name == "input_ids" else 0)
    return batch
