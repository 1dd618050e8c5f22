from __future__ import annotations

import torch
from transformers.cache_utils import DynamicLayer

from lit_mstar.encoding.growing import GrowingLayer


def layer(rows: int, columns: int) -> DynamicLayer:
    made = DynamicLayer()
    made.update(torch.randn(rows, 2, columns, 3), torch.randn(rows, 2, columns, 3))
    return made


def test_it_grows_as_the_layer_that_copies():
    torch.manual_seed(0)
    plain = layer(3, 4)
    growing = GrowingLayer(plain)
    for width in (1, 2, 1, 17, 1, 40, 1):
        new = torch.randn(3, 2, width, 3), torch.randn(3, 2, width, 3)
        for ours, theirs in zip(growing.update(*new), plain.update(*new), strict=True):
            assert torch.equal(ours, theirs)
        assert growing.get_seq_length() == plain.get_seq_length() == growing.keys.shape[2]


def test_rows_and_columns_are_picked():
    torch.manual_seed(0)
    plain = layer(3, 5)
    growing = GrowingLayer(plain)
    growing.update(torch.zeros(3, 2, 1, 3), torch.ones(3, 2, 1, 3))
    growing.pick(torch.tensor([2, 0]), torch.tensor([[0, 4, 5], [1, 2, 5]]))
    for ours, theirs, last in ((growing.keys, plain.keys, 0.0), (growing.values, plain.values, 1.0)):
        assert torch.equal(ours[:, :, :2], torch.stack([theirs[2][:, [0, 4]], theirs[0][:, [1, 2]]]))
        assert (ours[:, :, 2] == last).all()


def test_joined_rows_end_together_and_begin_with_zeros():
    torch.manual_seed(0)
    long, short = layer(1, 5), layer(2, 2)
    for first, second, rows in ((long, short, (0, 1)), (short, long, (2, 0))):
        growing = GrowingLayer(first)
        growing.join([GrowingLayer(second)])
        assert torch.equal(growing.keys[rows[0] : rows[0] + 1], long.keys)
        assert torch.equal(growing.values[rows[1] : rows[1] + 2, :, 3:], short.values)
        assert not growing.values[rows[1] : rows[1] + 2, :, :3].any()
