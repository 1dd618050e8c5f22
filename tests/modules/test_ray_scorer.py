"""Scorers in actors of a cluster of this machine alone: the scores of one process, on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lit_mstar.modules import RayScorer
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.scorers import require_scores
from support.scorers import PROBLEMS, ListedScorer, rollouts
from support.scripted import make_prm
from support.zygote import TESTS

_SCRIPT = """
import json, sys
import psutil, torch
from lit_mstar.modules import RayScorer
from lit_mstar.scorers import require_scores
from support.scorers import PROBLEMS, rollouts

scorer = RayScorer(sys.argv[1], replicas=2, at_once=1)
scorer.check()
scorer.place(torch.device("cpu"))
scores = require_scores(scorer, rollouts(PROBLEMS * 2))
scorer.rest()
mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
listening = {c.laddr.ip for p in mine for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN}
print(json.dumps([scores, sorted(listening), scorer.aggregation, scorer.settings()]))
scorer.close()
"""


@pytest.mark.slow
def test_replicas_score_as_one_process_does_and_listen_on_loopback_alone(tmp_path: Path):
    folder = make_prm(tmp_path / "prm")
    ran = subprocess.run([sys.executable, "-c", _SCRIPT, folder], cwd=TESTS, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-4000:]
    scores, listening, aggregation, settings = json.loads(ran.stdout.strip().splitlines()[-1])
    prm = scorer_of(folder)
    assert scores == [
        [pytest.approx(steps, abs=1e-6) for steps in of_rollout]
        for of_rollout in require_scores(prm, rollouts(PROBLEMS * 2))
    ]
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert (aggregation, settings) == (prm.aggregation, prm.settings())


def test_what_it_says_of_itself_is_the_scorers_and_starts_nothing(tmp_path: Path):
    inner = ListedScorer([])
    scorer = RayScorer(inner)
    assert (scorer.bounds, scorer.threshold, scorer.aggregation) == (inner.bounds, inner.threshold, inner.aggregation)
    assert scorer.settings() == inner.settings()
    scorer.check()
    with pytest.raises(ValueError, match="a process reward model"):
        RayScorer(str(tmp_path)).check()
    with pytest.raises(ValueError, match=r"RayScorer\.replicas is 0"):
        RayScorer(inner, replicas=0)
