"""A scorer in a process of its own: what it is told, and what becomes of one that misbehaves."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.scorers import CommandScorer, require_scores
from support.scorers import PROBLEMS, rollouts

CHAINS = [["a", "bb"], [], ["ccc"]]
LENGTHS = 'scores = [[len(step) / 10 for step in chain] for chain in row["chains"]]'


def command(where: Path, body: str, **options: Any) -> CommandScorer:
    """A script that reads rows and runs `body` for each."""
    script = where / "score.py"
    lines = ["import json, os, sys, time", "for line in sys.stdin:", "    row = json.loads(line)"]
    script.write_text("\n".join([*lines, *(f"    {text}" for text in body.splitlines())]))
    return CommandScorer([sys.executable, str(script)], **options)


ANSWER = f'{LENGTHS}\nprint(json.dumps({{"id": row["id"], "scores": scores}}), flush=True)'


def test_scores_come_back(tmp_path: Path):
    scorer = command(tmp_path, ANSWER)
    assert require_scores(scorer, rollouts(PROBLEMS, CHAINS)) == [[[0.1, 0.2], [], [0.3]]] * 2
    process = scorer._process
    assert require_scores(scorer, rollouts(PROBLEMS[:1], CHAINS[:1])) == [[[0.1, 0.2]]]
    assert scorer._process is process  # it is started once
    scorer.close()
    assert process is not None
    assert process.poll() is not None


def test_it_sees_the_problem_without_its_reference(tmp_path: Path):
    scorer = command(tmp_path, f'open("seen.jsonl", "a").write(line)\n{ANSWER}', folder=tmp_path)
    require_scores(scorer, rollouts(PROBLEMS, CHAINS))
    scorer.close()
    first, second = map(json.loads, (tmp_path / "seen.jsonl").read_text().splitlines())
    assert first.keys() == {"id", "question", "choices", "images", "chains"}
    assert first["chains"] == [["a", "bb"], ["ccc"]]
    assert base64.b64decode(first["images"][0]) == PROBLEMS[0].images[0]
    assert second["choices"] == ["SEEN", "other"]
    assert "SECRET" not in json.dumps([first, second])


def test_its_environment_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    body = 'ok = "PYTHONPATH" not in os.environ and os.environ["MINE"] == "1"\n'
    body += 'print(json.dumps({"id": row["id"], "scores": [[float(ok)]]}), flush=True)'
    scorer = command(tmp_path, body, environment={"MINE": "1"})
    assert require_scores(scorer, rollouts(PROBLEMS[:1], [["a"]])) == [[[1.0]]]
    scorer.close()


@pytest.mark.parametrize(
    ("body", "error", "why"),
    [
        ("time.sleep(60)", TimeoutError, "no scores within 0.5 s and was stopped"),
        ('print("no model", file=sys.stderr)\nsys.exit(3)', ValueError, "has ended .* It said: no model"),
        ('print("loading…", flush=True)', ValueError, "wrote 'loading….*; it must write one line"),
        ('print(json.dumps({"id": 9, "scores": [[1], [1]]}), flush=True)', ValueError, "wrote"),
        ('print(json.dumps({"id": 0, "scores": [[1]]}), flush=True)', ValueError, "with 2 lists"),
        ('print(json.dumps({"id": 0, "error": "too long"}), flush=True)', ValueError, "cannot score .*: too long"),
        ('print("[]", flush=True)', ValueError, "wrote"),
    ],
)
def test_a_command_that_misbehaves_is_stopped(tmp_path: Path, body: str, error: type[Exception], why: str):
    scorer = command(tmp_path, body, start_timeout=0.5 if "sleep" in body else 60)
    with pytest.raises(error, match=why):
        require_scores(scorer, rollouts(PROBLEMS[:1], CHAINS))
    scorer.close()
    assert scorer._process is None


@pytest.mark.parametrize("scores", ["[[0.1]]", "[[0.1, float('nan')]]", "[[0.1, 2]]"])
def test_scores_that_fit_no_step_are_refused(tmp_path: Path, scores: str):
    scorer = command(tmp_path, f'print(json.dumps({{"id": row["id"], "scores": {scores}}}), flush=True)')
    with pytest.raises(ValueError, match="CommandScorer, problem 'one', response 0"):
        require_scores(scorer, rollouts(PROBLEMS[:1], [["a", "b"]]))
    scorer.close()


def test_other_bounds(tmp_path: Path):
    scorer = command(tmp_path, 'print(json.dumps({"id": row["id"], "scores": [[-4.5]]}), flush=True)', bounds=(-9, 9))
    assert require_scores(scorer, rollouts(PROBLEMS[:1], [["a"]])) == [[[-4.5]]]
    scorer.close()


def test_a_program_that_is_not_there():
    with pytest.raises(ValueError, match="there is no program '/no/such/program'"):
        CommandScorer(["/no/such/program"]).check()
    CommandScorer([sys.executable, "score.py"]).check()
    with pytest.raises(ValueError, match="cannot be run"):
        require_scores(CommandScorer(["/no/such/program"]), rollouts(PROBLEMS[:1], [["a"]]))


@pytest.mark.parametrize(("given", "why"), [([], "must be a list"), ("python score.py", "must be a list")])
def test_no_shell(given: Any, why: str):
    with pytest.raises(ValueError, match=why):
        CommandScorer(given)
