"""What a stage says where nobody looks at a terminal: lines at a sane rate, no bars; and what its phases took."""

from __future__ import annotations

from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from rich.console import Console

from lit_mstar.data import DigitsSource, SupervisedDataModule
from lit_mstar.terminal.display import Display
from lit_mstar.terminal.lines import header_line
from lit_mstar.training.trainer import MStarTrainer
from support.scripted import make_policy, make_trainer, right, wrong


def written(display: Display, terminal: bool = False) -> StringIO:
    text = StringIO()
    display.console = Console(file=text, force_terminal=terminal, width=150)
    return text


def some_right(problem: Any, index: int, sampling: Any) -> str:
    return right(problem, index) if index else wrong(problem, index)


def test_an_iteration_is_one_line_of_what_happened(evolution: Any) -> None:
    text = written(display := Display())
    evolution(some_right, [display], max_epochs=3, n=4, enable_progress_bar=True)
    lines = text.getvalue().splitlines()
    assert lines[0] == header_line()
    assert len(lines) == 4
    for index, line in enumerate(lines[1:]):
        # 4 of 8 problems with 4 responses each, of which 3 are right and kept; nothing measured Pass@K.
        assert line.split()[:5] == [f"{index}/2", "1", "16", "75.0%", "12"]
        assert line.split()[6] == "-"


def test_an_iteration_that_took_long_has_no_line_of_an_epoch_beside_its_own(evolution: Any) -> None:
    text = written(display := Display())
    display.every = -1.0  # every epoch has taken long
    display.phase = lambda *_: nullcontext(lambda _: None)  # type: ignore[method-assign]  # which would be said, too
    evolution(some_right, [display], max_epochs=3, n=4, enable_progress_bar=True)
    assert not [line for line in text.getvalue().splitlines() if line.startswith("epoch")]


def test_epochs_that_are_no_iterations_have_lines_of_their_own(tmp_path: Path) -> None:
    text = written(display := Display(every=-1.0))
    data = SupervisedDataModule(DigitsSource(seed=4, train=1, validate=1, test=1), batch_size=2)
    trainer = make_trainer(tmp_path, max_epochs=2, callbacks=[display], enable_progress_bar=True)
    trainer.fit(make_policy(), datamodule=data)
    epochs = [line.split()[1] for line in text.getvalue().splitlines() if line.startswith("epoch")]
    assert epochs == ["1/2", "2/2"]


def test_the_seconds_of_phases_are_logged(evolution: Any, tmp_path: Path) -> None:
    written(display := Display())
    logger = CSVLogger(tmp_path, name="", version="")
    evolution(some_right, [display], max_epochs=2, logger=logger, enable_progress_bar=True)
    logger.save()
    names = (tmp_path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"speed/sampling_seconds", "speed/training_seconds", "speed/validating_seconds"} <= set(names)


def test_a_long_phase_says_how_far_it_is_now_and_then() -> None:
    text = written(display := Display(every=0))
    with display.phase("sampling", 40, "problems", "iteration 3") as advance:
        for _ in range(4):
            advance(10)
    lines = text.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"sampling iteration 3: {n}/40 problems" for n in (10, 20, 30, 40)
    ]
    assert lines[-1].endswith(", 0 s left")
    text = written(display := Display(every=1e9))
    with display.phase("sampling", 40, "problems") as advance:
        advance(40)
    assert text.getvalue() == ""
    assert display.clock.take().keys() == {"sampling"}


def test_phases_that_an_exception_left_open_are_over() -> None:
    written(display := Display())
    display._enter("training", 3)
    display._enter("validating", 2)
    display.on_exception(None, None, RuntimeError())  # type: ignore[arg-type]
    assert display._open == []
    display.clock.take()
    assert display.clock.take() == {}  # no phase goes on


def test_another_rank_shows_nothing() -> None:
    text = written(display := Display(every=0))
    display.disable()
    with display.phase("sampling", 2, "problems") as advance:
        advance(1)
    display.print("nothing")
    assert text.getvalue() == ""


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, [Display]),
        ({"callbacks": RichProgressBar()}, [RichProgressBar]),
        ({"enable_progress_bar": False}, []),
        ({"barebones": True}, []),
    ],
)
def test_the_trainer_has_one_display_unless_another_is_given(options: dict[str, Any], kinds: list[type]) -> None:
    trainer = MStarTrainer(accelerator="cpu", **({"logger": False} if "barebones" not in options else {}), **options)
    bars = [callback for callback in trainer.callbacks if isinstance(callback, (Display, RichProgressBar))]
    assert [type(bar) for bar in bars] == kinds
