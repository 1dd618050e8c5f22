"""The followed problems: the same in every iteration, one picture each, and scores as histograms."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.callbacks import SampleTable
from lit_mstar.data import DigitsSource
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, right, sums, wrong


def half_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return wrong(problem, index) if index % 2 else right(problem, index)


class ScoringSteps(EvolutionCallback):
    """Right steps 0.75, wrong ones 0.25."""

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        for rollout in iteration.rollouts:
            for response in rollout.responses:
                response.step_scores = [0.75 if response.correct else 0.25]


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0}).Reload()


def test_the_same_problems_are_drawn_in_every_iteration(evolution: Any, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path / "events", name="", version="")
    source = DigitsSource(seed=0, train=6, validate=5, test=0)
    evolution(half_right, [SampleTable(problems=2)], source=source, max_epochs=3, logger=logger)
    logger.finalize("success")
    found = events(tmp_path / "events")
    assert sorted(found.Tags()["images"]) == ["samples/0", "samples/1"]
    for row in range(2):
        assert [event.step for event in found.Images(f"samples/{row}")] == [0, 1, 2]
    followed = [ids for ids, sampling in evolution.sampler.calls if sampling.temperature > 0 and len(ids) == 2]
    assert followed == [[problem.id for problem in source.problems("validate")[:2]]] * 3


def test_what_is_followed_is_not_in_the_ledger(evolution: Any, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path / "events", name="", version="")
    source = DigitsSource(seed=0, train=6, validate=5, test=0)
    evolution(half_right, [SampleTable(problems=2)], source=source, logger=logger)
    (first, *_) = (evolution.ledger.sampled(index) for index in (0,))
    assert first <= {problem.id for problem in source.problems("train")}


def test_the_picture_holds_the_problems_image(evolution: Any, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path / "events", name="", version="")
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), (200, 10, 240)).save(buffer, format="PNG")
    problems = [Problem(id=f"p{k}", question="?", answer="1", images=(buffer.getvalue(),)) for k in range(2)]
    source = ListSource(train=problems, validate=problems[:1])
    evolution(half_right, [SampleTable()], source=source, logger=logger)
    logger.finalize("success")
    (image,) = events(tmp_path / "events").Images("samples/0")
    with Image.open(io.BytesIO(image.encoded_image_string)) as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    assert (pixels == (200, 10, 240)).all(-1).sum() > 1000


def test_step_scores_of_right_and_wrong_are_two_histograms(evolution: Any, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path / "events", name="", version="")
    evolution(
        half_right,
        [ScoringSteps(), SampleTable()],
        source=ListSource(train=sums(4)),
        n=4,
        logger=logger,
    )
    logger.finalize("success")
    found = events(tmp_path / "events")
    for name, score in (("right", 0.75), ("wrong", 0.25)):
        (event,) = found.Histograms(f"reward/step_scores_{name}")
        values = event.histogram_value
        assert (values.min, values.max) == (score, score)
        assert values.num > 0


def test_without_a_logger_nothing_is_sampled_for_it(evolution: Any) -> None:
    evolution(half_right, [SampleTable()], source=ListSource(train=sums(4)), logger=False)
    assert len([1 for _, sampling in evolution.sampler.calls if sampling.temperature > 0]) == 1


def test_a_logger_without_figures_says_so_once_and_nothing_is_sampled_for_it(evolution: Any, tmp_path: Path) -> None:
    source = ListSource(train=sums(4))
    with pytest.warns(UserWarning, match="CSVLogger shows no figures") as told:
        evolution(half_right, [SampleTable()], source=source, max_epochs=2, logger=CSVLogger(tmp_path))
    # One and the same message, which Python shows once.
    assert len({str(one.message) for one in told if "no figures" in str(one.message)}) == 1
    assert len([1 for _, sampling in evolution.sampler.calls if sampling.temperature > 0]) == 2  # the iterations
