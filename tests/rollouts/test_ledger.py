from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Iteration, Problem, Response, Rollout
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import SamplingParams

unit = st.floats(0, 1)
responses = st.builds(
    Response,
    text=st.text(),
    token_ids=st.lists(st.integers(0, 2**31 - 1), max_size=5),
    finish_reason=st.sampled_from(["stop", "length"]),
    temperature=st.floats(0, 2),
    steps=st.lists(st.text(), max_size=3),
    answer=st.none() | st.text(),
    correct=st.none() | st.booleans(),
    step_scores=st.lists(unit, max_size=3),
    score=st.none() | unit,
)
problems = st.builds(Problem, id=st.text(), question=st.text(), answer=st.none() | st.text())


@st.composite
def sampled(draw: st.DrawFn) -> list[Rollout]:
    found = draw(st.lists(problems, min_size=1, max_size=4, unique_by=lambda problem: problem.id))
    rollouts = [Rollout(problem=p, responses=draw(st.lists(responses, min_size=1, max_size=3))) for p in found]
    for rollout in rollouts:
        rollout.selected = sorted(draw(st.sets(st.integers(0, len(rollout.responses) - 1))))
    return rollouts


def iteration(rollouts: list[Rollout], index: int = 0, **sampling: Any) -> Iteration:
    found = [rollout.problem for rollout in rollouts]
    return Iteration(index=index, problems=found, sampling=SamplingParams(**sampling), rollouts=rollouts)


def simple(*ids: str, n: int = 2) -> list[Rollout]:
    return [
        Rollout(
            problem=Problem(id=id, question=f"{id}?", answer="7"),
            responses=[Response(text=f"{id} {i}", token_ids=[i, 1], score=i / 4, steps=["a", "b"]) for i in range(n)],
            selected=[n - 1],
        )
        for id in ids
    ]


@settings(deadline=None)
@given(sampled(), st.integers(1, 3))
def test_what_is_written_comes_back(rollouts: list[Rollout], size: int):
    made = iteration(rollouts)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "rollouts")
        ledger.begin(made, "x")
        for start in range(0, len(rollouts), size):
            ledger.append(0, rollouts[start : start + size])
        assert list(ledger.read(made)) == rollouts
        assert not ledger.is_rewarded(0)
        ledger.reward(made)
        assert list(ledger.read(made)) == rollouts
        assert ledger.is_rewarded(0)


def test_reward_replaces_the_parts_by_scores_and_selection(tmp_path: Path):
    ledger, rollouts = Ledger(tmp_path), simple("a", "b")
    made = iteration(rollouts)
    ledger.begin(made, "x")
    ledger.append(0, [replace(rollout, selected=[]) for rollout in rollouts])
    assert [rollout.selected for rollout in ledger.read(made)] == [[], []]
    made.metrics["train/diversity"] = 0.5
    ledger.reward(made)
    assert [rollout.selected for rollout in ledger.read(made)] == [[1], [1]]
    assert not list(tmp_path.rglob("part-*"))
    assert ledger.header(0)["metrics"] == {"train/diversity": 0.5}


def test_unfinished_problems_are_missing_and_the_order_is_the_iterations(tmp_path: Path):
    ledger, rollouts = Ledger(tmp_path), simple("a", "b", "c", "d", "e")
    made = iteration(rollouts)
    ledger.begin(made, "x")
    ledger.append(0, [rollouts[4], rollouts[0]])
    ledger.append(0, [rollouts[2]])
    assert list(ledger.read(made)) == [rollouts[0], rollouts[2], rollouts[4]]
    ledger.append(0, [rollouts[3], rollouts[1]])
    assert list(ledger.read(made)) == rollouts


def test_nothing_is_there_before_anything_is_written(tmp_path: Path):
    ledger = Ledger(tmp_path / "rollouts")
    assert list(ledger.read(iteration(simple("a")))) == []
    assert ledger.header(0) == {}
    assert ledger.headers() == []
    assert not ledger.is_rewarded(0)


def test_the_same_fingerprint_finds_its_rollouts_again(tmp_path: Path):
    rollouts = simple("a", "b")
    made = iteration(rollouts)
    Ledger(tmp_path).begin(made, "same")
    Ledger(tmp_path).append(0, rollouts[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Ledger(tmp_path).begin(made, "same")
    assert list(Ledger(tmp_path).read(made)) == rollouts[:1]


def test_another_fingerprint_moves_the_old_aside(tmp_path: Path):
    ledger, made = Ledger(tmp_path), iteration(simple("a"))
    ledger.begin(made, "first")
    kept = []
    for name in ("second", "third"):
        ledger.append(0, made.rollouts)
        kept.append({file.name: file.read_bytes() for file in (tmp_path / "iteration=0000").iterdir()})
        with pytest.warns(UserWarning, match="rollouts of another run"):
            ledger.begin(made, name)
        assert list(ledger.read(made)) == []
    aside = [folder for folder in tmp_path.iterdir() if folder.name != "iteration=0000"]
    contents = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in aside]
    assert all(old in contents for old in kept)  # nothing is deleted


def test_the_header_says_what_was_asked_for(tmp_path: Path):
    ledger = Ledger(tmp_path)
    ledger.begin(iteration(simple("a"), n=3, temperature=0.7, seed=5, stop=("x",)), "print")
    header = ledger.header(0)
    assert (header["index"], header["fingerprint"]) == (0, "print")
    wanted = {"n": 3, "temperature": 0.7, "top_p": 1.0, "max_tokens": 512, "stop": ["x"], "seed": 5}
    assert header["sampling"] == wanted


def test_metrics_are_recorded_beside_the_rest(tmp_path: Path):
    ledger, made = Ledger(tmp_path), iteration(simple("a"))
    ledger.begin(made, "print")
    made.metrics = {"a": 1.0}
    ledger.record(made)
    made.metrics = {"a": 2.0, "b": 0.5}
    ledger.record(made)
    assert ledger.header(0)["metrics"] == {"a": 2.0, "b": 0.5}
    assert ledger.header(0)["fingerprint"] == "print"


def test_headers_come_in_the_iterations_order(tmp_path: Path):
    ledger = Ledger(tmp_path)
    for index in (10, 2, 0, 10_000, 9_999, 1):
        ledger.begin(iteration(simple("a"), index), "x")
    assert [header["index"] for header in ledger.headers()] == [0, 1, 2, 10, 9_999, 10_000]


@pytest.mark.parametrize("id", ["../../up", "a/b", "/root", "line\nbreak", "..", "", "nul\x00", "ü" * 300])
def test_any_problem_id_is_safe(tmp_path: Path, id: str):
    folder = tmp_path / "run" / "rollouts"
    ledger, made = Ledger(folder), iteration(simple(id, "other"))
    ledger.begin(made, "x")
    for rollout in made.rollouts:
        ledger.append(0, [rollout])
    assert list(ledger.read(made)) == made.rollouts
    assert {file.parent for file in tmp_path.rglob("*") if file.is_file()} == {folder / "iteration=0000"}


def test_leftovers_of_a_crash_are_ignored(tmp_path: Path):
    ledger, made = Ledger(tmp_path), iteration(simple("a", "b"))
    ledger.begin(made, "x")
    ledger.append(0, made.rollouts[:1])
    for name in (".part-0123.parquet.77.partial", ".rollouts.parquet.77.partial"):
        (tmp_path / "iteration=0000" / name).write_bytes(b"PAR1 and no more")
    assert list(ledger.read(made)) == made.rollouts[:1]
    assert not ledger.is_rewarded(0)


def test_iterations_do_not_mix(tmp_path: Path):
    ledger = Ledger(tmp_path)
    both = [iteration(simple("a", n=n), index) for index, n in ((0, 2), (1, 3))]
    for made in both:
        ledger.begin(made, "x")
        ledger.append(made.index, made.rollouts)
    assert [list(ledger.read(made)) for made in both] == [made.rollouts for made in both]


@pytest.mark.parametrize("partial", [False, True])
def test_the_folder_is_one_table_with_the_iteration_as_a_column(tmp_path: Path, partial: bool):
    ledger = Ledger(tmp_path)
    for index in (0, 1):
        made = iteration(simple("a", "b"), index)
        ledger.begin(made, "x")
        ledger.append(index, made.rollouts)
        if index == 0:
            ledger.reward(made)
    if partial:
        (tmp_path / "iteration=0001" / ".part-0.parquet.77.partial").write_bytes(b"PAR1")
    expected = sorted((index, f"{id} {i}", i) for index in (0, 1) for id in "ab" for i in (0, 1))
    for table in (ds.dataset(tmp_path, partitioning="hive").to_table(), pq.read_table(tmp_path)):
        rows = [(int(row["iteration"]), row["text"], row["index"]) for row in table.to_pylist()]
        assert sorted(rows) == expected


def test_replaced_rollouts_are_not_part_of_the_table(tmp_path: Path):
    ledger = Ledger(tmp_path)
    old, new = iteration(simple("old")), iteration(simple("new"))
    ledger.begin(old, "x")
    ledger.append(0, old.rollouts)
    with pytest.warns(UserWarning, match="moved"):
        ledger.begin(new, "y")
    ledger.append(0, new.rollouts)
    table = ds.dataset(tmp_path, format="parquet", partitioning="hive", exclude_invalid_files=True).to_table()
    assert sorted(table["text"].to_pylist()) == ["new 0", "new 1"]


def test_damaged_files_are_moved_aside_and_their_problems_are_missing(tmp_path: Path):
    ledger, made = Ledger(tmp_path), iteration(simple("a", "b", "c"))
    ledger.begin(made, "x")
    for rollout in made.rollouts:
        ledger.append(0, [rollout])
    victim = sorted((tmp_path / "iteration=0000").glob("part-*"))[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match="cannot be read .* sampled again"):
        ledger.begin(made, "x")
    assert len(ledger.sampled(0)) == 2
    assert victim.with_name(f"_damaged-{victim.name}").read_bytes() == whole[: len(whole) // 2]
    missing = [rollout for rollout in made.rollouts if rollout.problem.id not in ledger.sampled(0)]
    ledger.append(0, missing)
    assert list(ledger.read(made)) == made.rollouts


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path):
    ledger, made = Ledger(tmp_path), iteration(simple("a", "b"))
    ledger.begin(made, "x")
    ledger.append(0, made.rollouts)
    folder = tmp_path / "iteration=0000"
    part = next(folder.glob("part-*"))
    content = part.read_bytes()
    ledger.reward(made)
    part.write_bytes(content)  # as if it had been killed between the new file and the removal of the old
    (folder / ".x.parquet.77.partial").write_bytes(b"PAR1")
    (folder / "_scratch-1").mkdir()
    ledger.begin(made, "x")
    assert {file.name for file in folder.iterdir()} == {"_iteration.json", "rollouts.parquet"}
    assert list(ledger.read(made)) == made.rollouts


@settings(deadline=None)
@given(sampled(), st.integers(1, 12))
def test_chunks_of_any_size_hold_the_same(rollouts: list[Rollout], chunk: int):
    made = iteration(rollouts, n=3)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("lit_mstar.rollouts.ledger.CHUNK", chunk)
        ledger = Ledger(Path(folder))
        ledger.begin(made, "x")
        for part in (rollouts[1:], rollouts[:1]):
            if part:
                ledger.append(0, part)
        ledger.reward(made)
        assert list(ledger.read(made)) == rollouts
        assert pq.ParquetFile(Path(folder) / "iteration=0000/rollouts.parquet").num_row_groups == -(
            -len(rollouts) // max(1, chunk // 3)
        )


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000])
def test_an_unreadable_header_moves_the_rollouts_aside(tmp_path: Path, text: str):
    ledger, made = Ledger(tmp_path), iteration(simple("a"))
    ledger.begin(made, "x")
    ledger.append(0, made.rollouts)
    (tmp_path / "iteration=0000/_iteration.json").write_text(text)
    with pytest.warns(UserWarning, match="rollouts of another run"):
        ledger.begin(made, "x")
    assert ledger.sampled(0) == set()
    assert len(list(tmp_path.glob("_replaced-1-*/part-*"))) == 1


def test_a_file_with_other_columns_is_moved_aside(tmp_path: Path):
    ledger, made = Ledger(tmp_path), iteration(simple("a"))
    ledger.begin(made, "x")
    ledger.append(0, made.rollouts)
    part = next((tmp_path / "iteration=0000").glob("part-*"))
    pq.write_table(pq.ParquetFile(part).read().drop_columns(["token_ids"]), part)
    with pytest.warns(UserWarning, match="column token_ids is missing; a ledger's is list"):
        ledger.begin(made, "x")
    assert ledger.sampled(0) == set()
