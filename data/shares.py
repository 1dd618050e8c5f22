"""An iteration's rollouts over ranks: rank 0 alone reads and writes the ledger, each rank works on its share.

A share is every W-th of the problems (W ranks), in a scratch folder of the rank's own, so that no rank needs to see
rank 0's disk. Rows travel as Arrow, a few chunks at a time, and become Python objects only where they are worked on.
Where a callback needs all rollouts, every rank's share is all of them.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lit_mstar.ranks import on_rank_zero, rank, ranks
from lit_mstar.rollouts.ledger import Ledger, chunk_size, rollouts_in
from lit_mstar.rollouts.nouns import Iteration, Problem, Rollout
from lit_mstar.rollouts.parquet import to_table
from lit_mstar.rollouts.stored import StoredRollouts
from lit_mstar.training.division import gather, gather_to_zero, scatter

_AT_ONCE = 32  # chunks that are on their way together, ours: however many ranks there are, they fit rank 0's memory


def tidy(folder: Path) -> None:
    """Removes the shares that a killed process of this rank has left in the ledger's folder."""
    for left in folder.glob(f"_share-{rank()}-*"):
        shutil.rmtree(left)


def dealt(ledger: Ledger, iteration: Iteration) -> Sequence[Rollout]:
    """This rank's share of what rank 0's ledger has of an iteration; every rank must call it."""
    if ranks() == 1:
        return ledger.read(iteration)
    there = on_rank_zero(lambda: ledger.sampled(iteration.index))
    problems = [problem for problem in iteration.problems if problem.id in there]
    ledger.folder.mkdir(parents=True, exist_ok=True)
    scratch, files = TemporaryDirectory(prefix=f"_share-{rank()}-", dir=ledger.folder), []
    for number, table in enumerate(_received(ledger, iteration, problems)):
        files.append(Path(scratch.name) / f"received-{number}.parquet")
        pq.write_table(table, files[-1])
    mine = problems[rank() :: ranks()] if iteration.divided else problems
    return rollouts_in(files, mine, iteration.sampling.n, ledger.folder, scratch)


def reward(ledger: Ledger, iteration: Iteration, marking: str) -> Sequence[Rollout]:
    """Writes what became of the rollouts, as one process would; every rank must call it.

    Returns:
        The share to go on with: what was written. Of undivided rollouts that is what rank 0 made of them.
    """
    tables = _collected(iteration) if iteration.divided else None
    if rank() == 0:
        ledger.reward(iteration, marking, tables)
    else:
        deque(tables or (), maxlen=0)  # it gives its rows
    share = iteration.rollouts
    if not iteration.divided or not isinstance(share, StoredRollouts):
        return dealt(ledger, iteration)
    share.put_back()
    return share


def _received(ledger: Ledger, iteration: Iteration, problems: Sequence[Problem]) -> Iterator[pa.Table]:
    """The rows that rank 0 sends to this rank, in some order, a part at a time."""
    owners = ranks() if iteration.divided else 1
    pieces: Iterator[list[bytes]] = repeat([])
    if rank() == 0:
        pieces = chain(_pieces(ledger.tables(iteration.index), problems, owners), repeat([b""] * owners))
    while data := scatter(next(pieces)) if iteration.divided else on_rank_zero(lambda: next(pieces)[0]):
        yield _table(data)


def _pieces(tables: Iterator[pa.Table], problems: Sequence[Problem], owners: int) -> Iterator[list[bytes]]:
    """For each owner the rows of its problems, out of a few tables at a time."""
    while some := list(islice(tables, min(owners, _AT_ONCE))):
        table, place = _placed(pa.concat_tables(some), problems)
        owner = place % owners
        order = np.argsort(owner, kind="stable")
        edges = np.searchsorted(owner[order], np.arange(owners + 1))
        table = table.take(order)
        yield [_data(table.slice(start, end - start)) for start, end in pairwise(edges)]


def _collected(iteration: Iteration) -> Iterator[pa.Table]:
    """On rank 0 all ranks' rollouts, a chunk a table, in the order of the problems; the others only give theirs."""
    rollouts, size = iteration.rollouts, chunk_size(iteration.sampling.n)
    step = size * min(ranks(), _AT_ONCE)
    for start in range(0, sum(gather(len(rollouts))), step):
        first, last = (-(-(edge - rank()) // ranks()) for edge in (start, start + step))
        found = gather_to_zero(_data(to_table(rollouts[first:last])))
        if found:
            yield from _in_order(pa.concat_tables(map(_table, found)), iteration.problems, size)


def _in_order(table: pa.Table, problems: Sequence[Problem], size: int) -> Iterator[pa.Table]:
    """The rows in the order of the problems, so many problems a table."""
    table, place = _placed(table, problems)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))[::size]
    table = table.take(order)
    for start, end in pairwise([*starts, len(table)]):
        yield table.slice(start, end - start)


def _placed(table: pa.Table, problems: Sequence[Problem]) -> tuple[pa.Table, np.ndarray]:
    """The problems' rows, and each row's place among the problems, (rows,) int32."""
    place = pc.index_in(table["problem_id"], pa.array([problem.id for problem in problems], pa.string()))
    return table.filter(place.is_valid()), place.drop_null().to_numpy()


def _data(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _table(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()
