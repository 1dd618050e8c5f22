from __future__ import annotations

import json
from pathlib import Path

from lit_mstar.commands.summary import summarize, table
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, SamplingParams


def test_the_summary_collects_stages_and_iterations(tmp_path: Path):
    for stage, result in (
        ("1-a", {"seconds": 1.0, "test_accuracy": 0.25}),
        ("2-b", {"seconds": 2.0, "step_auroc": 0.5}),
    ):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "summary.json").write_text(json.dumps(result))
    ledger = Ledger(tmp_path / "2-b" / "rollouts")
    iteration = Iteration(index=0, problems=[], sampling=SamplingParams(), metrics={"kept": 3, "balance/x": 1.0})
    ledger.begin(iteration, "f")
    ledger.record(iteration)
    summary = summarize("r", tmp_path, ["1-a", "2-b"], seed=1)
    assert summary["iterations"] == [{"iteration": 0, "kept": 3}]
    assert summary["prm"] == {"step_auroc": 0.5, "step_ece": None}
    assert summary["test_accuracy_before"] == summary["test_accuracy_after"] == 0.25
    assert "test accuracy 25.0% -> 25.0%" in table(summary)
