"""A scorer in a process of its own, with an environment of its own: where a model's remote code may run, and ours not.

A line of JSON goes in for each problem, a line comes out:

    {"id": 0, "question": "…", "choices": [], "images": ["<base64>"], "chains": [["Step 1: …", "Step 2: …"], …]}
    {"id": 0, "scores": [[0.9, 0.2], …]}        or        {"id": 0, "error": "why not"}
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rollouts.images import image_bytes
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.scorers.base import Scores, StepScorer

_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # what would make another environment's Python ours


class CommandScorer(StepScorer):
    """Runs a command that scores, and talks to it in lines of JSON (`command.py` says how; docs/scorers.md has one).

    The command runs with your rights. It starts when it is first needed and goes on from problem to problem.

    Args:
        command: The program and its arguments; no shell reads them.
        bounds: Between which its scores lie, both included.
        threshold: The least score of a step that counts as right.
        aggregation: Step scores to one.
        timeout: Seconds that one problem may take; this default and the next are ours.
        start_timeout: Seconds that the first one may take, as a model is loaded.
        environment: Variables that it gets besides those of this process.
        folder: Where it runs; here by default.

    Raises:
        ValueError: If the command is empty or its program is not there; if it says that it cannot score, ends, or
            writes something else than it should.
        TimeoutError: If it takes too long; it is killed, and what was sampled is kept.
    """

    def __init__(
        self,
        command: Sequence[str],
        bounds: tuple[float, float] = (0.0, 1.0),
        threshold: float = 0.5,
        aggregation: Aggregation = "min",
        timeout: float = 300.0,
        start_timeout: float = 1800.0,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        if not command or isinstance(command, str):
            raise ValueError(f"CommandScorer.command is {command!r}; it must be a list: [python, score.py].")
        if not bounds[0] < bounds[1]:
            raise ValueError(f"CommandScorer.bounds are {list(bounds)}; the first must be the smaller one.")
        self.command = list(command)
        self.bounds = (float(bounds[0]), float(bounds[1]))
        self.threshold = threshold
        self.aggregation = aggregation
        self.timeout = timeout
        self.start_timeout = start_timeout
        self.environment = dict(environment or {})
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._lines: Queue[str] = Queue()
        self._errors: IO[str] | None = None
        self._asked = 0

    def check(self) -> None:
        """See `StepScorer.check`; the program is looked for, not started."""
        program = self.command[0]
        if shutil.which(program) is None and not (Path(self.folder or ".") / program).is_file():
            raise ValueError(f"{self._name}: there is no program {program!r}; correct its path.")

    def score(self, rollouts: Sequence[Rollout]) -> Scores:
        """See `StepScorer.score`."""
        found = []
        for rollout in rollouts:
            chains = [response.steps for response in rollout.responses]
            scores = iter(self._ask(rollout, [chain for chain in chains if chain]) if any(chains) else [])
            found.append([next(scores) if chain else [] for chain in chains])
        return found

    def close(self) -> None:
        """See `StepScorer.close`."""
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._errors:
            self._errors.close()
        self._process, self._errors = None, None

    def _ask(self, rollout: Rollout, chains: list[list[str]]) -> list[list[float]]:
        first = self._process is None
        process = self._started()
        problem = rollout.problem
        asked = {
            "id": self._asked,
            "question": problem.question,
            "choices": list(problem.choices),
            "images": [base64.b64encode(image_bytes(image)).decode() for image in problem.images],
            "chains": chains,
        }
        self._asked += 1
        assert process.stdin  # noqa: S101 - it was opened
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        except OSError:
            pass  # it has ended, which shows below
        return self._answer(asked["id"], len(chains), self.start_timeout if first else self.timeout)

    def _answer(self, number: Any, chains: int, seconds: float) -> list[list[float]]:
        try:
            line = self._lines.get(timeout=seconds)
        except Empty:
            said = self._last_words()
            self.close()
            raise TimeoutError(f"{self._name} gave no scores within {seconds:g} s and was stopped.{said}") from None
        if not line:
            said = self._last_words()
            self.close()
            raise ValueError(f"{self._name} has ended without an answer.{said}")
        try:
            found = json.loads(line)
            scores = found.get("scores")
            if found["id"] != number or ("error" not in found and len(scores) != chains):
                raise ValueError(line)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.close()
            raise ValueError(
                f"{self._name} wrote {line[:200]!r}; it must write one line for each problem, "
                f'{{"id": {number}, "scores": [[…], …]}} with {chains} lists. Anything else belongs on stderr.'
            ) from None
        if "error" in found:
            raise ValueError(f"{self._name} cannot score problem {number}: {str(found['error'])[:500]}")
        return [list(of_chain) for of_chain in scores]

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None:
            return self._process
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - open as long as it runs
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the config names it
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
                cwd=self.folder,
                env=inherited | self.environment,
            )
        except OSError as error:
            self._errors.close()
            raise ValueError(f"{self._name} cannot be run: {error}.") from error
        self._lines = Queue()
        Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True).start()
        return self._process

    @property
    def _name(self) -> str:
        return f"CommandScorer.command {' '.join(self.command)!r}"

    def _last_words(self) -> str:
        """The end of what it wrote to stderr, to be put behind a message."""
        if not self._errors:
            return ""
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].strip().splitlines()
        return f" It said: {' / '.join(lines[-5:])}" if lines else ""


def _read(stream: Any, lines: Queue[str]) -> None:
    """Puts what a process writes into a queue, and at its end an empty line."""
    for line in stream:
        lines.put(line)
    lines.put("")
