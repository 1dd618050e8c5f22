"""What a command's process prints: our messages as they are, libraries' where a user can do something about them."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

Verbosity = Literal["quiet", "normal", "verbose"]

_LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero", "transformers")

# Said at every start, or of what this package does on purpose.
_NOISE = re.compile(
    r"(GPU|TPU|HPU) available: (False|True.*used: True)|TPU available: .* using: 0|💡 Tip|`Trainer\.\w+` stopped|"
    r"Seed set to|LOCAL_RANK: |Initializing distributed|distributed_backend=|All distributed processes|^\s*-{50,}|"
    r"isinstance\(treespec|`weights_only` was not set|Checkpoint directory .* exists and is not empty|"
    r"Be aware that when using `ckpt_path|The dirpath has changed|does not have many workers|"
    r"Restored all states|Loaded model weights|The number of training batches|"
    r"Using bfloat16 Automatic Mixed|Trying to infer the `batch_size|Experiment logs directory .* exists|"
    r"predict returned None|LOAD REPORT(?![\s\S]*(MISSING|MISMATCH))"  # a reward model has no use for lm_head
)


@contextmanager
def filtered_output(verbosity: Verbosity) -> Iterator[None]:
    """Filters what this process says meanwhile; for commands, whose process is their own.

    Args:
        verbosity: "quiet" leaves warnings and errors; "verbose" everything, with where it comes from.
    """
    if verbosity == "verbose":
        yield
        return
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    handlers = [handler for logger in loggers for handler in logger.handlers if type(handler) is logging.StreamHandler]
    before = warnings.showwarning, [logger.level for logger in loggers], [handler.stream for handler in handlers]
    warnings.showwarning = _Warnings()  # type: ignore[assignment]  # the arguments it has no use for
    for handler in handlers:
        handler.addFilter(_is_news)
        handler.stream = _Current()
    for logger in loggers if verbosity == "quiet" else ():
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        warnings.showwarning, levels, streams = before
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for handler, stream in zip(handlers, streams, strict=True):
            handler.removeFilter(_is_news)
            handler.stream = stream


class _Current:
    """Whatever stderr is now: a display takes its place while it draws."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Warnings:
    """Shows each warning once, as a message."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, *_: Any) -> None:
        text = re.sub(r"^\S+\.py:\d+: ", "", str(message))
        if text not in self.seen and not _NOISE.search(text) and not issubclass(category, DeprecationWarning):
            self.seen.add(text)
            print(f"Warning: {text}", file=file or sys.stderr, flush=True)


def _is_news(record: logging.LogRecord) -> bool:
    return not _NOISE.search(record.getMessage())
