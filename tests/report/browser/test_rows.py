from __future__ import annotations

import base64
import gzip
import json

from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem, Response
from lit_mstar.report.browser.rows import Group, packed, problem_rows, segments
from lit_mstar.report.browser.thumbnails import Thumbnails
from support.reported import rollout

line = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(line, max_size=5), st.lists(st.sampled_from(range(5)), max_size=4, unique=True))
def test_segments_are_the_whole_text_in_order(lines: list[str], chosen: list[int]):
    steps = [lines[i].strip() for i in sorted(chosen) if i < len(lines) and lines[i].strip()]
    text = "\n".join(lines)
    scores = [0.5] * len(steps)
    found = segments(Response(text=text, steps=steps, step_scores=scores), None)
    assert "".join("".join(part for part, *_ in found).split()) == "".join(text.split())
    assert [part for part, score, _ in found if score is not None] == steps


def test_a_step_that_is_not_written_so_in_the_text_takes_nothing_away():
    found = segments(Response(text="one two", steps=["two", "three"], step_scores=[0.25, 0.5]), [True, False])
    assert found == [["one", None, None], ["two", 0.25, True]]


def test_rows_say_which_are_kept_and_their_rank_among_the_right_ones():
    problem = Problem(id="p", question="?", answer="7", choices=("a", "b"))
    first = rollout(problem, [False, True, True], [0.9, 0.2, 0.7], [2])
    second = rollout(problem, [True, True, True], [None, None, None], [0])
    groups = [Group("iteration 0", [first], 1.0, "from"), Group("iteration 1", [second])]
    (row,) = problem_rows(groups, lambda problem, steps: None, Thumbnails([]))
    assert (row["id"], row["ref"], row["choices"], row["im"]) == ("p", "7", ["a", "b"], [])
    assert row["flags"] == ["fooled", "suspect"]
    early, late = row["g"]
    assert (early["l"], early["t"], early["n"]) == ("iteration 0", 1.0, "from")
    assert [(r["c"], r["v"], r.get("k"), r.get("o")) for r in early["r"]] == [
        (0, 0.9, None, None),
        (1, 0.2, None, 2),
        (1, 0.7, 1, 1),
    ]
    assert [(r["c"], r.get("v"), r.get("k"), r.get("o")) for r in late["r"]] == [
        (1, None, 1, None),
        (1, None, None, None),
        (1, None, None, None),
    ]


def test_packing_is_compressed_json_and_always_the_same():
    data = {"a": ["<script>", "ü", None]}
    text = packed(data)
    assert json.loads(gzip.decompress(base64.b64decode(text))) == data
    assert text == packed(data)
