"""What the page holds, and that nothing from data or models becomes markup or script in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from lit_mstar import Problem
from lit_mstar.charts.curves import Curve
from lit_mstar.report.page import Page, Section, Table, rendered
from lit_mstar.report.run import find_run
from lit_mstar.report.sections.chart import drawn
from lit_mstar.report.single import page_of
from support.reported import data_of, rollout, write_iteration, write_stage

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def test_the_browser_gets_every_problem_with_all_that_was_sampled(page_file: Path):
    data = data_of(page_file.read_text())
    training, tests = data["sets"]
    assert [len(training["problems"]), len(tests["problems"])] == [24, 20]
    assert all([group["l"] for group in p["g"]] == ["iteration 0", "iteration 1"] for p in training["problems"])
    assert all(len(group["r"]) == 4 for p in training["problems"] for group in p["g"])
    assert [group["l"] for group in tests["problems"][0]["g"]] == ["1-warmup", "4-evolve"]
    assert training["problems"][0]["g"][1]["n"] == "4-evolve, weights weights-1, T = 1, seed 1"
    assert all(len(p["im"]) == 1 for p in training["problems"])


def test_nothing_that_data_say_is_markup(tmp_path: Path):
    problem = Problem(id=HOSTILE, question=HOSTILE, answer=HOSTILE)
    write_stage(tmp_path / "r", 1.0)
    write_iteration(
        tmp_path / "r", 0, [rollout(Problem(id="1", question="?", answer="1"), [True], [0.5]), rollout_of(problem)]
    )
    page = page_of(find_run(tmp_path / "r"), sources=False)
    page.title = page.notes[0] = HOSTILE
    page.tables = [Table(HOSTILE, [HOSTILE], [[HOSTILE]], HOSTILE)]
    page.sections = [Section(HOSTILE, [drawn(HOSTILE, HOSTILE, {HOSTILE: Curve([0, 1], [0.5, 0.6])})], HOSTILE)]
    html = rendered(page)
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert html.count("<script") == 2
    assert HOSTILE in {row["q"] for row in data_of(html)["sets"][0]["problems"]}


def rollout_of(problem: Problem) -> Any:
    found = rollout(Problem(id="x", question="?", answer="1"), [False], [0.5])
    found.problem = problem
    found.responses[0].text = found.responses[0].answer = HOSTILE
    found.responses[0].steps = []
    found.responses[0].step_scores = []
    return found


def test_only_the_pages_own_script_may_run_and_nothing_is_fetched(page_file: Path):
    html = page_file.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    assert policy
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    said = policy[1].replace("&#39;", "'").replace("&#43;", "+")
    assert said == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert "connect-src 'self'" in rendered(Page("x", watched=True)).replace("&#39;", "'")


def test_the_same_run_makes_the_same_page(run: Path, page_file: Path):
    assert rendered(page_of(find_run(run))) == page_file.read_text()


def test_an_empty_folder_of_a_run_that_has_just_begun_is_a_page(tmp_path: Path):
    write_stage(tmp_path / "r", 1.0)
    (tmp_path / "r" / "summary.json").unlink()
    html = rendered(page_of(find_run(tmp_path / "r")))
    assert "not finished" in html
    assert "<svg" not in html


def test_what_is_damaged_costs_itself_and_is_said(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "r")
    rollouts = tmp_path / "r" / "4-evolve" / "rollouts"
    whole = (rollouts / "iteration=0001" / "rollouts.parquet").read_bytes()
    (rollouts / "iteration=0001" / "rollouts.parquet").write_bytes(whole[: len(whole) // 2])
    (rollouts / "iteration=0000" / "_iteration.json").write_text('{"metrics": {"pass_at_k": "much", "gap": NaN}')
    page = page_of(find_run(tmp_path / "r"))
    assert any("files that cannot be read" in note and "iteration=0001" in note for note in page.notes)
    assert [row["right"].partition(" of ")[2] for row in page.iterations] == ["96", "0"]
    assert len(data_of(rendered(page))["sets"][0]["problems"]) == 24


def test_scores_and_measures_that_are_no_numbers_are_left_out(tmp_path: Path):
    write_stage(tmp_path / "r", 1.0)
    odd = rollout(Problem(id="1", question="?", answer="1"), [True, False], [0.5, 0.25])
    odd.responses[0].score = float("nan")
    odd.responses[0].step_scores = [float("nan"), 0.5]
    write_iteration(tmp_path / "r", 0, [odd])
    header = tmp_path / "r/rollouts/iteration=0000/_iteration.json"
    said = json.loads(header.read_text())
    header.write_text(json.dumps(said | {"metrics": {"pass_at_k": "much", "gap": float("nan"), "distinct": 0.5}}))
    page = page_of(find_run(tmp_path / "r"))
    first, second = data_of(rendered(page))["sets"][0]["problems"][0]["g"][0]["r"]
    assert ("v" in first, second["v"]) == (False, 0.25)
    assert [score for _, score, _ in first["s"] if score is not None] == [0.5]
    assert "Pass@K" not in {chart.title for section in page.sections for chart in section.charts}
