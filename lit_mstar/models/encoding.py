"""Problems and responses to tensors, for any processor.

Notation: B rows, L tokens (padded to the longest row of the batch, never to a maximum).

Nothing here knows an architecture. A processor's output has two kinds of tensors: those shaped like `input_ids`
(B, L), which grow with the response, and the rest (pixels, grids, tile masks, whatever their first dimension
counts), which are passed on as the processor batched them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import ProcessorMixin

from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem

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
        """Special tokens that no response may contain: an image placeholder without its image breaks any model."""
        added = (i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special)
        return sorted({*self.tokenizer.all_special_ids, *added} - {self.end_id})

    def prompt_text(self, problem: Problem) -> str:
        """The whole prompt, up to where the assistant begins; one placeholder per image.

        Placeholders that a data set has left in its questions are removed: an image is never expanded twice.
        """
        letters = (f"\n({chr(65 + i)}) {choice}" for i, choice in enumerate(problem.choices))
        parts = {"{choices}": "".join(letters), "{question}": problem.question.replace(self._image_token, "").strip()}
        text = re.sub("|".join(parts), lambda match: parts[match[0]], self.prompt)
        content: Any = [{"type": "image"} for _ in problem.images] + [{"type": "text", "text": text}]
        turn: Any = [{"role": "user", "content": content}]
        return str(self.processor.apply_chat_template(turn, add_generation_prompt=True))

    @property
    def _image_token(self) -> str:
        return str(getattr(self.processor, "image_token", "<image>"))

    def prompt_ids(self, problem: Problem) -> list[int]:
        """The token ids of `prompt_text`, one placeholder per image: what engines that expand images take."""
        return list(self.tokenizer(self.prompt_text(problem))["input_ids"])

    def text_ids(self, text: str) -> list[int]:
        """The token ids of a text, with nothing added."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

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
        images = [[open_image(image) for image in problem.images] for problem in problems]
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
