"""Responses of uneven lengths, and their loss token by token."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader

from lit_mstar import Problem

LENGTHS = (1, 40, 3, 25, 2, 9, 17)


def uneven_rows(encoder, problems: list[Problem]) -> list[tuple[Problem, list[int]]]:
    generator = torch.Generator().manual_seed(1)
    vocabulary = len(encoder.tokenizer)
    return [
        (problem, torch.randint(10, vocabulary, (length,), generator=generator).tolist())
        for problem, length in zip(problems, LENGTHS, strict=False)
    ]


def token_loop(model, encoder, rows) -> list[float]:
    """Minus the log-probability of each response token, one row and one token at a time, without padding."""
    losses = []
    for problem, response in rows:
        inputs = dict(encoder.prompts([problem]))
        for token in response:
            logits = model(**inputs).logits[0, -1].double()
            losses.append(float(logits.exp().sum().log() - logits[token]))
            inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([[token]])], dim=1)
            inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    return losses


def loader(encoder, rows, size: int) -> DataLoader:
    def collate(part):
        return encoder.collate([problem for problem, _ in part], [response for _, response in part])

    return DataLoader(rows, batch_size=size, collate_fn=collate)
