from __future__ import annotations

import logging
import warnings

import pytest

from lit_mstar.terminal.output import filtered_output


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """Lightning's, with a handler of the kind that it has."""
    logger = logging.getLogger("lightning.pytorch")
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler()])
    monkeypatch.setattr(logger, "level", logging.INFO)
    return logger


NOISE = [
    "GPU available: False, used: False",
    "GPU available: True (cuda), used: True",
    "TPU available: False, using: 0 TPU cores",
    "`Trainer.fit` stopped: `max_epochs=3` reached.",
    "💡 Tip: For seamless cloud logging, try installing litlogger.",
    "Idefics3Model LOAD REPORT from: x\nlm_head.weight | UNEXPECTED |",
]
NEWS = [
    "GPU available: True (cuda), used: False",
    "Passed over what is not whole; starting from the beginning.",
    "Model LOAD REPORT from: x\nlayer.weight | MISSING |",
]


@pytest.mark.parametrize(("message", "shown"), [*((m, False) for m in NOISE), *((m, True) for m in NEWS)])
def test_what_is_said_at_every_start_is_left_out(
    message: str, shown: bool, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    with filtered_output("normal"):
        logger.info(message)
    assert (message in capsys.readouterr().err) == shown


def test_quiet_leaves_warnings_and_verbose_all(capsys: pytest.CaptureFixture[str], logger: logging.Logger) -> None:
    with filtered_output("quiet"):
        logger.info("a message")
        logger.warning("a warning")
    assert capsys.readouterr().err == "a warning\n"
    with filtered_output("verbose"):
        logger.info(NOISE[0])
    assert NOISE[0] in capsys.readouterr().err


def test_a_warning_is_shown_once_without_where_it_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with filtered_output("normal"):
            for _ in range(3):
                warnings.warn("lib/x.py:12: two rows were left out", stacklevel=1)
            warnings.warn("`isinstance(treespec, LeafSpec)` is deprecated, use another", stacklevel=1)
    assert capsys.readouterr().err == "Warning: two rows were left out\n"
    assert warnings.showwarning == before
