"""Rows that join, leave and take tokens back, held against each row alone and whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar.encoding.prompt_cache import encode_prompts, inference
from lit_mstar.encoding.rows import Rows
from support.helpers import make_tiny_backbone

torch.manual_seed(1)
BACKBONE = make_tiny_backbone()
MODEL = BACKBONE.load_model().eval()
LONG, SHORT = [[7, 8, 9, 10, 11, 12, 13], [13, 12, 11, 10, 9, 8, 7]], [[20, 21, 22]]


def begun(prompts: list[list[int]], repeats: int) -> Rows:
    ids = torch.tensor(prompts)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return Rows(encode_prompts(MODEL, batch, logits_to_keep=1), repeats)


def alone(ids: list[int]) -> torch.Tensor:
    """Logits (L, V) of one sequence by a plain forward pass."""
    return MODEL(input_ids=torch.tensor([ids])).logits[0]


def check(rows: Rows, so_far: list[list[int]], fed: list[list[int]]) -> None:
    logits = rows.forward(torch.tensor(fed))
    for row, before, new in zip(logits, so_far, fed, strict=True):
        torch.testing.assert_close(row, alone([*before, *new])[-len(new) :], atol=1e-5, rtol=1e-5)


def test_rows_of_different_lengths_are_what_each_is_alone():
    with inference(MODEL):
        rows = begun(LONG, 2)
        rows.join([begun(SHORT, 3)])
        so_far = [LONG[0], LONG[0], LONG[1], LONG[1], *SHORT * 3]
        check(rows, so_far, [[30 + i, 40 + i] for i in range(7)])


def test_tokens_that_are_taken_back_are_seen_by_nobody():
    with inference(MODEL):
        rows = begun(SHORT, 3)
        rows.join([begun(LONG, 1)])
        fed = [[30, 31, 32], [33, 34, 35], [36, 37, 38], [39, 40, 41], [42, 43, 44]]
        rows.forward(torch.tensor(fed))
        rows.keep_tokens(torch.tensor([1, 2, 3, 2, 1]), 3)
        so_far = [[*SHORT[0], 30], [*SHORT[0], 33, 34], [*SHORT[0], 36, 37, 38], [*LONG[0], 39, 40], [*LONG[1], 42]]
        check(rows, so_far, [[50, 51]] * 5)
        rows.keep_tokens(torch.tensor([2, 1, 2, 1, 2]), 2)
        so_far = [x + [50, 51][:kept] for x, kept in zip(so_far, [2, 1, 2, 1, 2], strict=True)]
        rows.keep_rows(torch.tensor([4, 1, 1, 0]))
        check(rows, [so_far[i] for i in (4, 1, 1, 0)], [[60], [61], [62], [63]])


def test_columns_that_nobody_needs_are_dropped():
    with inference(MODEL):
        rows = begun(LONG, 1)
        rows.join([begun(SHORT, 2)])
        assert rows.mask.shape == (4, 7)
        rows.keep_rows(torch.tensor([2, 3]))
        assert rows.mask.tolist() == [[True] * 3] * 2
        assert rows.cache.get_seq_length() == 3
        assert rows.places.tolist() == [3, 3]
        check(rows, SHORT * 2, [[30, 31], [32, 33]])


def test_what_is_not_a_number_stays_with_its_row():
    with inference(MODEL):
        rows = begun(LONG, 1)
        rows.keep_rows(torch.tensor([0]))
        for layer in rows.cache.layers:
            layer._rooms[0][:, :, 7:] = torch.nan  # the room behind was never written to
            layer._rooms[1][:, :, 7:] = torch.nan
        rows.join([begun(SHORT, 1)])
        check(rows, [LONG[0], SHORT[0]], [[30], [31]])


def test_only_keys_and_values_are_joined():
    with inference(MODEL):
        rows, others = begun(LONG, 1), begun(SHORT, 1)
        others.plain = False
        with pytest.raises(ValueError, match="only where all that is kept of them are keys and values"):
            rows.join([others])


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_order_of_events_leaves_each_row_as_it_is_alone(data: Any):
    def piece() -> tuple[Rows, list[list[int]]]:
        prompt = data.draw(st.lists(st.integers(7, 200), min_size=2, max_size=9))
        return begun([prompt], 2), [list(prompt), list(prompt)]

    with inference(MODEL):
        rows, so_far = piece()
        for _ in range(4):
            event = data.draw(st.sampled_from(["join", "leave", "feed"]))
            if event == "join":
                others, theirs = piece()
                rows.join([others])
                so_far += theirs
            elif event == "leave" and len(so_far) > 1:
                kept = data.draw(st.lists(st.sampled_from(range(len(so_far))), min_size=1, unique=True))
                rows.keep_rows(torch.tensor(kept))
                so_far = [so_far[i] for i in kept]
            else:
                fed = [[data.draw(st.integers(7, 200)) for _ in range(3)] for _ in so_far]
                check(rows, so_far, fed)
                counts = [data.draw(st.integers(1, 3)) for _ in so_far]
                rows.keep_tokens(torch.tensor(counts), 3)
                so_far = [x + new[:kept] for x, new, kept in zip(so_far, fed, counts, strict=True)]
        check(rows, so_far, [[99]] * len(so_far))
