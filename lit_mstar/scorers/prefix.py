"""Chains about one problem through a model: what all of them begin with, prompt and images, is encoded once.

Notation: R rows, T tokens of the longest tail, C tokens that all rows begin with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lit_mstar.encoding.appending import Batch, grows
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.prompt_cache import encode_prompts, fit, forget
from lit_mstar.rollouts.images import open_image
from lit_mstar.scorers.shown import Shown

Images = Sequence[str | bytes]
Read = Callable[[dict[str, Any], Tensor], Tensor]
"""What is read of a model's inputs at positions (P,) of every row: (R, P, …)."""


def read_rows(
    model: Any, encoder: Encoder, rows: Sequence[Shown], images: Images, read: Read, share: bool
) -> list[Tensor]:
    """Reads each row at its positions.

    Args:
        model: In evaluation mode.
        encoder: The model's.
        rows: Chains about one problem.
        images: The problem's, in the order of their placeholders.
        read: Runs the model.
        share: Encode what the rows begin with once; otherwise each goes through the model alone.

    Returns:
        One (number of reads, …) for each row.
    """
    if not share:
        return [_alone(model, encoder, row, images, read) for row in rows]
    whole = _processed(encoder, rows[0], images)
    common = min(_common(rows), min(row.reads[0] for row in rows))
    shift = whole["input_ids"].shape[1] - len(rows[0].ids)  # an image is one placeholder in a row's ids
    begun = {
        name: value[:, : common + shift] if grows(value, whole["input_ids"]) else value for name, value in whole.items()
    }
    prompts = encode_prompts(model, fit(begun, model), **_last_only(model))
    prompts.rows(torch.zeros(len(rows), dtype=torch.long, device=model.device))
    tails = [torch.tensor(row.ids[common:], device=model.device) for row in rows]
    places = [[place - common for place in row.reads] for row in rows]
    return _read(read, prompts.continued(pad_sequence(tails, batch_first=True)), places)


def _alone(model: Any, encoder: Encoder, row: Shown, images: Images, read: Read) -> Tensor:
    whole = _processed(encoder, row, images)
    shift = whole["input_ids"].shape[1] - len(row.ids)
    forget(model)
    return _read(read, fit(whole, model), [[place + shift for place in row.reads]])[0]


def _read(read: Read, inputs: dict[str, Any], places: Sequence[Sequence[int]]) -> list[Tensor]:
    """Reads where any row is read, then takes for each row its own."""
    union = sorted({place for row in places for place in row})
    found = read(inputs, torch.tensor(union, device=inputs["input_ids"].device))
    index = {place: i for i, place in enumerate(union)}
    return [found[r, [index[place] for place in row]] for r, row in enumerate(places)]


def _processed(encoder: Encoder, row: Shown, images: Images) -> Batch:
    """The processor's tensors of a row, whose tokens behind the last image are those that were counted on."""
    found = encoder.processor(  # type: ignore[operator]
        text=[row.text],
        images=[[open_image(image) for image in images]] if images else None,
        return_tensors="pt",
        **encoder.special(row.text),
    )
    batch = {name: value for name, value in found.items() if name != "labels"}
    ids, first = batch["input_ids"][0].tolist(), row.reads[0]
    if ids[len(ids) - len(row.ids) + first :] != row.ids[first:]:
        raise ValueError(
            "The processor makes other tokens of a chain than its tokenizer: take CommandScorer, with the model's code."
        )
    return batch


def _common(rows: Sequence[Shown]) -> int:
    """How many tokens all rows begin with."""
    columns = zip(*(row.ids for row in rows), strict=False)
    return next((i for i, column in enumerate(columns) if len(set(column)) > 1), min(len(row.ids) for row in rows))


def _last_only(model: Any) -> dict[str, Any]:
    """Of the beginning, no logits are wanted; a model without a head makes none."""
    return {"logits_to_keep": 1} if model.get_output_embeddings() is not None else {}
