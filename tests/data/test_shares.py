"""Shares of an iteration: dealing and collecting by themselves, and over real ranks that share no disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Response, Rollout
from lit_mstar.data import shares
from lit_mstar.rollouts.parquet import to_table
from support import ranks, share_ranks
from support.scripted import sums


@given(order=st.permutations(range(11)), owners=st.integers(1, 13), size=st.integers(1, 4), left_out=st.integers(0, 3))
def test_whatever_the_order_each_gets_its_problems_and_they_come_back_in_theirs(
    order: list[int], owners: int, size: int, left_out: int
):
    problems = sums(11)
    rollouts = [
        Rollout(problem=p, responses=[Response(text=f"{k}", token_ids=[i]) for k in range(1 + i % 3)], selected=[0])
        for i, p in enumerate(problems)
    ]
    tables = [to_table([rollouts[i] for i in order[start : start + 3]]) for start in range(0, 11, 3)]
    asked = problems[left_out:]
    dealt: list[list[pa.Table]] = [[] for _ in range(owners)]
    for pieces in shares._pieces(iter(tables), asked, owners):
        for owner, data in enumerate(pieces):
            dealt[owner].append(shares._table(data))
    joined = [pa.concat_tables(parts) for parts in dealt]
    for owner, table in enumerate(joined):
        assert set(table["problem_id"].to_pylist()) == {p.id for p in asked[owner::owners]}
    found = list(shares._in_order(pa.concat_tables(joined), asked, size))
    wanted = rollouts[left_out:]
    assert found == [to_table(wanted[start : start + size]) for start in range(0, len(wanted), size)]


@pytest.mark.slow
def test_ranks_without_a_shared_disk_do_what_one_process_does(tmp_path: Path):
    said = {}
    for count in (1, 3):
        (tmp_path / f"{count}").mkdir()
        said[count] = ranks.run(share_ranks.shares_job, count, tmp_path / f"{count}")
    (alone,), (first, *others) = said[1], said[3]
    for one in said[3]:
        for name in ("learned", "counts", "metrics", "learned of these", "learned of all"):
            assert one[name] == alone[name], name
    for name in ("asked", "on disk", "marked anew"):
        assert first[name] == alone[name], name
    file = "rank-0/rollouts/iteration={:04d}/rollouts.parquet"
    for index in range(3):
        assert (tmp_path / "3" / file.format(index)).read_bytes() == (tmp_path / "1" / file.format(index)).read_bytes()

    assert first["killed"] == "Killed: "
    assert [len(asked) for asked in first["asked"]][:2] == [13 - 7, 13]  # what was lost, and the next, each in one call
    assert [one["asked"] for one in others] == [[], []]
    assert all("Rank 0 has failed" in one["killed"] for one in others)
    assert not any(file.endswith(".parquet") for one in others for file in one["on disk"])
    assert [one["share"] for one in said[3]] == [alone["share"][rank::3] for rank in range(3)]
    assert alone["metrics"]["band/hard"] > 0
    assert "its 52 responses were marked anew" in alone["marked anew"][0]
    assert all(one["seen"] == alone["seen"] for one in said[3])
    assert len(alone["seen"][0]) == 13
    assert alone["own engines, own disks"] == ""
    assert all("rank 0 finds" in one["own engines, own disks"] for one in said[3])
