from __future__ import annotations

import json
import shutil
from pathlib import Path

from scipy.stats import ttest_rel

from lit_mstar.evaluation.intervals import mean_interval
from lit_mstar.report.browser.sample import answers_to_tests
from lit_mstar.report.run import Run, Stage, find_run
from lit_mstar.report.sections.headline import _counts, paired
from lit_mstar.report.single import page_of
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally

BEFORE, AFTER = [1.0] * 8 + [0.0] * 12, [0.0] * 5 + [1.0] * 15  # what `write_run` says of the 20 test problems


def test_accuracies_have_intervals_and_their_difference_is_paired(run: Path):
    card = page_of(find_run(run), sources=False).cards[0]
    assert (card.value, card.after) == ("40.0%", "75.0%")
    for values, shown in ((BEFORE, card.margin), (AFTER, card.after_margin)):
        found = mean_interval(values, range(20))
        assert shown == f"± {100 * max(found.high - found.value, found.value - found.low):.1f}"
    ends = ttest_rel(AFTER, BEFORE).confidence_interval(0.95)
    assert f"paired: +35.0 points ({100 * ends.low:+.1f} to {100 * ends.high:+.1f})" in card.notes[1]
    assert "12 became right, 5 became wrong" in card.notes[1]


def test_only_problems_of_both_are_paired(run: Path):
    source = RunSource(None)
    first = answers_to_tests(Stage(run / "1-warmup"), source)
    second = answers_to_tests(Stage(run / "4-evolve"), source)
    gap = paired(first[:10], second[4:])
    assert gap is not None
    interval, gained, lost = gap
    assert interval.n == 6
    assert interval.value == (5 - 4) / 6
    assert (gained, lost) == (2, 1)
    assert paired(first[:3], second[3:]) is None


def test_the_other_numbers_are_those_on_disk(run: Path):
    _, prm, counts, faithful = page_of(find_run(run)).cards
    assert (prm.value, prm.notes) == ("0.750", ("calibration error 0.125",))
    assert counts.value == "192"  # 24 problems, 4 responses, 2 iterations
    assert faithful.value == "90.0%"


def test_of_waves_the_share_that_is_right_is_of_the_first():
    card = _counts([Tally(0, {}, sampled=10, right=5, kept=2, first=4, first_right=1)])
    assert card is not None
    assert list(card.notes) == ["5 right (25.0% of first waves)", "2 learned from (20.0%)"]


def test_a_run_whose_answers_were_not_kept_still_has_its_accuracy(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "r")
    for file in (tmp_path / "r").rglob("tested.parquet"):
        file.unlink()
    card = page_of(find_run(tmp_path / "r"), sources=False).cards[0]
    assert (card.value, card.after) == ("40.0%", "75.0%")
    assert not any("paired" in note for note in card.notes)


def test_a_run_that_is_not_there_yet_has_its_validation_accuracy(run: Path, tmp_path: Path):
    shutil.copytree(run / "4-evolve" / "rollouts", tmp_path / "r" / "rollouts")
    shutil.copy(run / "4-evolve" / "config.yaml", tmp_path / "r")
    card = page_of(find_run(tmp_path / "r")).cards[0]
    assert card.title == "validation accuracy, 10 problems, greedy"
    assert (card.value, card.after) == ("40.0%", "70.0%")
    assert isinstance(find_run(tmp_path / "r"), Run)


def test_a_reward_models_figures_are_those_of_the_scores_that_are_used(run: Path, tmp_path: Path):
    run = shutil.copytree(run, tmp_path / "run")  # others look at it, too

    def card() -> tuple[str, tuple[str, ...]]:
        found = next(c for c in page_of(find_run(run), sources=False).cards if c.title.startswith("process reward"))
        return found.value, tuple(found.notes)

    assert card() == ("0.750", ("calibration error 0.125",))  # of before there was a calibration
    file = run / "3-prm" / "summary.json"
    summary = json.loads(file.read_text()) | {"step_auroc_calibrated": 0.8125, "step_ece_calibrated": 0.0625}
    file.write_text(json.dumps(summary))
    assert card() == ("0.812", ("calibration error 0.062", "before calibration 0.750, error 0.125"))
