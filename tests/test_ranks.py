"""Several ranks: `engines_job`, in test_launch.py."""

from __future__ import annotations

import pytest

from lit_mstar.ranks import on_rank_zero, rank, ranks


def test_alone_a_process_does_it_and_gets_its_own_errors():
    assert (rank(), ranks()) == (0, 1)
    assert on_rank_zero(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        on_rank_zero(lambda: 1 // 0)
