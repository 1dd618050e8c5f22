"""`lit-mstar scorer`: against known numbers, and several on one run's responses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from lit_mstar import Iteration, ProcessRewardModule, Response, Rollout
from lit_mstar.commands.scorer import read_fixture
from lit_mstar.data import DigitsSource
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.images import image_bytes
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import SamplingParams
from support.commands import lit_mstar
from support.scripted import make_policy, make_prm

LENGTHS = (
    "import json, sys\nfor line in sys.stdin:\n    row = json.loads(line)\n"
    "    scores = [[1 / len(step) for step in chain] for chain in row['chains']]\n"
    "    print(json.dumps({'id': row['id'], 'scores': scores}), flush=True)\n"
)


@pytest.fixture
def fixture(tmp_path: Path) -> Path:
    """Chains about digits with the scores of a PRM."""
    prm = ProcessRewardModule.from_folder(make_prm(tmp_path / "prm"))
    rows = []
    for i, problem in enumerate(DigitsSource(train=3).problems("train")):
        (tmp_path / f"{i}.png").write_bytes(image_bytes(problem.images[0]))
        steps = ["Step 1: The first digit is 3.", "Step 2: 3 + 4 = 7."]
        ((scores,),) = prm.score([Rollout(problem=problem, responses=[Response(text="", steps=steps)])])
        rows.append({"question": problem.question, "images": [f"{i}.png"], "steps": steps, "scores": scores})
    (tmp_path / "known.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return tmp_path


def test_a_scorer_that_is_read_as_its_authors_do_passes(fixture: Path):
    done = lit_mstar(fixture, "scorer", "check", "prm", "known.jsonl", "--tolerance", "1e-5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("known / found") == 3
    assert "The largest difference is" in done.stdout


def test_one_that_is_read_otherwise_fails(fixture: Path):
    text = (fixture / "known.jsonl").read_text()
    row = json.loads(text.splitlines()[1])
    row["scores"][1] += 0.01
    (fixture / "known.jsonl").write_text(json.dumps(row))
    done = lit_mstar(fixture, "scorer", "check", "prm", "known.jsonl")
    assert done.returncode == 2
    assert "The largest difference is 0.01, more than 0.001" in done.stderr


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"question": "?", "steps": ["a"], "scores": []}', "1 steps and 0 scores"),
        ('{"question": "?", "steps": ["a"]}', "KeyError 'scores'"),
        ("{", "JSONDecodeError"),
        ('{"question": "?", "images": ["../x"], "steps": ["a"], "scores": [1]}', "outside"),
        ("", "has no rows"),
    ],
)
def test_a_fixture_that_says_nothing_is_refused(tmp_path: Path, row: str, why: str):
    (tmp_path / "x.jsonl").write_text(row)
    with pytest.raises(ValueError, match=why):
        read_fixture(tmp_path / "x.jsonl")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A stage that has sampled, with what it needs to be read again."""
    home = tmp_path / "runs/small/4-evolve"
    make_policy().save(tmp_path / "model")
    make_prm(tmp_path / "prm")
    source = {"class_path": "lit_mstar.data.DigitsSource", "init_args": {"train": 4, "validate": 0, "test": 0}}
    backbone = {"class_path": "lit_mstar.Backbone", "init_args": {"path": str(tmp_path / "model")}}
    config = {
        "model": {"class_path": "lit_mstar.PolicyModule", "init_args": {"backbone": backbone}},
        "data": {"class_path": "lit_mstar.data.SelfEvolvingDataModule", "init_args": {"source": source}},
    }
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    problems = DigitsSource(train=4, validate=0, test=0).problems("train")
    iteration = Iteration(index=0, problems=problems, sampling=SamplingParams(n=3, max_tokens=12))
    ledger = Ledger(home / "rollouts")
    ledger.begin(iteration, "x")
    texts = ["Step 1: short.\nAnswer: {}", "Step 1: this one is longer.\nAnswer: none", "Step 1: middling.\nAnswer: {}"]
    ledger.fill(
        iteration,
        (
            Marker().mark(Rollout(problem=p, responses=[Response(text=t.format(p.answer)) for t in texts]))
            for p in problems
        ),
    )
    (tmp_path / "lengths.py").write_text(LENGTHS)
    said = {"class_path": "lit_mstar.scorers.CommandScorer", "init_args": {"command": [sys.executable, "lengths.py"]}}
    (tmp_path / "lengths.yaml").write_text(yaml.safe_dump(said))
    return tmp_path


def test_two_scorers_on_one_runs_responses_without_sampling(run: Path):
    done = lit_mstar(run, "scorer", "compare", "runs/small", "lengths.yaml", "prm", "--json", "found.json")
    assert done.returncode == 0, done.stderr
    assert "4 problems of runs/small/4-evolve, 3 responses each; nothing was sampled." in done.stdout
    found = json.loads((run / "found.json").read_text())
    assert found.keys() == {"lengths.yaml", "prm"}
    assert found["lengths.yaml"]["best_of_n"]["value"] == 1.0  # the shortest step is a right one
    assert found["prm"]["best_of_n"]["difference"]["n"] == 4
    assert "| prm |" in done.stdout


def test_a_run_without_rollouts_is_told(tmp_path: Path):
    done = lit_mstar(tmp_path, "scorer", "compare", ".", "x.yaml")
    assert done.returncode == 2
    assert "has no rollouts" in done.stderr


@pytest.mark.parametrize("words", [("check", "one"), ("compare", "one")])
def test_too_few_names_are_told(tmp_path: Path, words: tuple[str, ...]):
    done = lit_mstar(tmp_path, "scorer", *words)
    assert done.returncode == 2
    assert f"scorer {words[0]} takes" in done.stderr
