from __future__ import annotations

from types import SimpleNamespace

from lit_mstar import Iteration
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.terminal.lines import epoch_line, header_line, iteration_line


def test_the_columns_stand_below_their_names() -> None:
    trainer = SimpleNamespace(max_epochs=8, callback_metrics={"val/accuracy": 0.5})
    iteration = Iteration(index=1, problems=[], sampling=SamplingParams(temperature=0.7))
    iteration.counts.update(sampled=6400, correct=2637, kept=1510)
    iteration.metrics |= {"greedy_accuracy": 0.633, "pass_at_k": 0.88}
    line = iteration_line(trainer, iteration, {"sampling": 12.4, "scoring": 0.2, "training": 5.5})
    assert header_line() == "iteration     T  sampled   right    kept  accuracy   pass@k  seconds"
    assert line == "      1/7   0.7     6400   41.2%    1510     63.3%    88.0%  sampling 12  training 6"


def test_what_nobody_measured_is_a_dash() -> None:
    iteration = Iteration(index=0, problems=[], sampling=SamplingParams())
    trainer = SimpleNamespace(max_epochs=1, callback_metrics={})
    assert iteration_line(trainer, iteration, {}).split() == ["0/0", "1", "0", "-", "0", "-", "-"]


def test_an_epoch_says_what_was_logged_for_progress_bars() -> None:
    shown = {"train/loss": 0.61234, "val/accuracy": 0.313}
    trainer = SimpleNamespace(current_epoch=11, max_epochs=60, progress_bar_metrics=shown)
    assert epoch_line(trainer, {"training": 4.1}) == "epoch 12/60  train/loss 0.612  val/accuracy 0.313  training 4"
