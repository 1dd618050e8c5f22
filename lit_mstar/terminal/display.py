"""One display for all that a stage does: bars while it works, and lines that stay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lit_mstar.hooks import EvolutionCallback
from lit_mstar.loggers.groups import speed
from lit_mstar.rollouts.nouns import Iteration
from lit_mstar.terminal.lines import epoch_line, header_line, iteration_line
from lit_mstar.terminal.phases import Advance, Clock


class Display(EvolutionCallback, ProgressBar):  # type: ignore[misc]  # both are callbacks
    """The progress bar of `MStarTrainer`: phases with rate and time left, and one line an iteration.

    Without a terminal there are no bars: a phase that takes long says so now and then. Place another `ProgressBar`
    among the callbacks to have that one instead.

    Args:
        every: Seconds between two such lines, and between lines of epochs (ours).
    """

    divisible = True

    def __init__(self, every: float = 30.0) -> None:
        super().__init__()
        self.every = every
        self.clock = Clock()
        self.console = rich.get_console()
        self._bars: Progress | None = None
        self._overall: TaskID | None = None
        self._enabled = True
        self._open: list[Any] = []  # contexts of the phases that Lightning's hooks opened, and their advance
        self._iterates = False  # whether epochs are iterations, which have lines of their own
        self._headed = False
        self._said = time.monotonic()

    def disable(self) -> None:
        """Shows nothing: this is not the first rank."""
        self._enabled = False

    def enable(self) -> None:
        """Shows what happens."""
        self._enabled = True

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Prints above the bars; Lightning's and other callbacks' messages come here."""
        if self._enabled:
            self.console.print(*args, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def phase(self, name: str, total: int, unit: str, detail: str = "") -> Iterator[Advance]:
        """Counts a phase's time and shows how far it is."""
        self.clock.enter(name)
        work = _Work(self, f"{name} {detail}".strip(), total, unit)
        try:
            yield work.advance
        finally:
            work.close()
            self.clock.leave()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the display; sampling comes before the first epoch."""
        self._begin(trainer, trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None)

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """The epoch will have an iteration's line."""
        self._iterates = True

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the phase of training."""
        self._enter("training", self.total_train_batches)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """One batch further."""
        self._advance()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Training is over; an epoch that was no iteration has its line."""
        self._leave()
        if self._bars is not None and self._overall is not None:
            self._bars.update(self._overall, completed=trainer.current_epoch + 1)
        last = trainer.current_epoch + 1 == trainer.max_epochs
        if not self._iterates and (last or time.monotonic() - self._said > self.every / 3):
            self.say(epoch_line(trainer, self.clock.take()))

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """One line that stays."""
        if not self._enabled:
            return
        if not self._headed:
            self.say(header_line())
        self._headed = True
        seconds = self.clock.take()
        for logger in trainer.loggers:
            logger.log_metrics(speed(seconds), step=iteration.index)
        self.say(iteration_line(trainer, iteration, seconds))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a phase, of training or by itself."""
        self._begin(trainer, None)
        self._enter("validating", sum(trainer.num_val_batches))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a phase."""
        self._begin(trainer, None)
        self._enter("testing", sum(trainer.num_test_batches))

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a phase."""
        self._begin(trainer, None)
        self._enter("predicting", sum(trainer.num_predict_batches))

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """One batch further."""
        self._advance()

    on_test_batch_end = on_predict_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends a phase; how good the model is now stands beside the epochs."""
        self._leave()
        accuracy = trainer.callback_metrics.get("val/accuracy")
        if self._bars is not None and self._overall is not None and accuracy is not None:
            self._bars.update(self._overall, rate=f", accuracy {float(accuracy):.1%}")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends a phase."""
        self._leave()

    on_predict_end = on_test_end

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ends the display, and phases that an exception has left open."""
        while self._open:
            self._leave()
        if self._bars is not None:
            self._bars.stop()
        self._bars = self._overall = None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the display before anything is said of the exception."""
        self.teardown(trainer, pl_module, "")

    def say(self, line: str) -> None:
        """Prints a line that stays."""
        if self._enabled:
            self._said = time.monotonic()
            self.print(line)

    def _begin(self, trainer: Trainer, epochs: int | None) -> None:
        if not self._enabled or not self.console.is_terminal or self._bars is not None:
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        self._bars = Progress(*columns, console=self.console, transient=True)
        self._bars.start()
        if epochs:
            name = Path(trainer.default_root_dir).name
            done = trainer.current_epoch
            self._overall = self._bars.add_task(name, total=epochs, completed=done, unit="epochs", rate="")

    def _enter(self, name: str, total: float) -> None:
        context = self.phase(name, int(total) if total != float("inf") else 0, "batches")
        self._open.append((context, context.__enter__()))

    def _advance(self) -> None:
        if self._open:
            self._open[-1][1](1)

    def _leave(self) -> None:
        if self._open:
            self._open.pop()[0].__exit__(None, None, None)


class _Work:
    """A phase: a bar in a terminal, a line now and then elsewhere."""

    def __init__(self, display: Display, name: str, total: int, unit: str) -> None:
        self.display, self.name, self.total, self.unit = display, name, total, unit
        self.done, self.started = 0, time.monotonic()
        self.bars = display._bars
        self.task = self.bars.add_task(f"  {name}", total=total or None, unit=unit, rate="") if self.bars else None

    def advance(self, number: int) -> None:
        """So many units further."""
        self.done += number
        took = max(time.monotonic() - self.started, 1e-9)
        rate = self.done / took
        if self.bars and self.task is not None:
            self.bars.update(self.task, completed=self.done, rate=f", {rate:.3g} a second")
        elif not self.display.console.is_terminal and time.monotonic() - self.display._said > self.display.every:
            left = f", {max(self.total - self.done, 0) / rate:.0f} s left" if self.total else ""
            self.display.say(f"{self.name}: {self.done}/{self.total} {self.unit}, {rate:.3g} a second{left}")

    def close(self) -> None:
        """The phase is over."""
        if self.bars and self.task is not None:
            self.bars.remove_task(self.task)
