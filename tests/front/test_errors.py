"""What is for the user, what is a bug, and whose."""

from __future__ import annotations

import errno
import json
from argparse import ArgumentError
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lit_mstar.commands.claim import Claim
from lit_mstar.front.errors import mendable, parse_error, report
from lit_mstar.front.recipe import read_config
from lit_mstar.rollouts.nouns import SamplingParams


def raised(work: Any) -> Exception:
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def in_a_module(code: str, name: str, file: str = "somewhere.py") -> Exception:
    """What a module's code raises."""
    module = ModuleType(name)
    module.__dict__["__package__"] = name.rpartition(".")[0]
    return raised(lambda: exec(compile(code, file, "exec"), module.__dict__))  # noqa: S102  # a test's own code


def test_what_our_code_raises_on_purpose_is_for_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = raised(lambda: SamplingParams(n=0))
    assert report(error, "fit") == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("lit-mstar fit: SamplingParams.n is 0")
    assert shown[1:] == ["(--traceback shows where it was raised.)"]
    assert report(error, "fit", with_traceback=True) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "Traceback (most recent call last):"
    assert shown[-1].startswith("lit-mstar fit: SamplingParams.n is 0")


def test_what_happens_to_our_code_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    error = raised(lambda: read_config(None))  # type: ignore[arg-type]
    assert isinstance(error, AttributeError)
    assert mendable(error) is None
    assert report(error, "fit") == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "Please report it, with the lines above and your config: https://" in shown.splitlines()[-1]


def test_a_value_error_that_python_raises_in_our_code_is_a_bug() -> None:
    module = Path(read_config.__code__.co_filename).with_name("errors.py")
    error = in_a_module("\n\nint('x')", "lit_mstar.front.made", str(module))
    assert isinstance(error, ValueError)
    assert mendable(error) is None


def test_what_a_user_s_module_raises_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(in_a_module("raise ValueError('mine')", "my_callbacks", "my_callbacks.py"), "fit") == 1
    assert "It was raised in my_callbacks.py, which is no part of lit-mstar." in capsys.readouterr().err


LOOP = "def _run_stage():\n    {}\n_run_stage()\n"
CONSTRUCTED = "class Loader:\n    def __init__(self):\n        {}\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("{}", True),  # before the run has begun
        (LOOP, False),  # by then it may be our code that is wrong
        (CONSTRUCTED + "def _run_stage():\n    Loader()\n_run_stage()\n", True),
    ],
)
def test_libraries_refuse_settings_and_what_they_raise_later_keeps_its_traceback(
    code: str, told: bool, tmp_path: Path
) -> None:
    (tmp_path / "refusing.py").write_text(code.format("raise ValueError('no such strategy')"))
    for package, meant in (("torch.made", told), ("unknown.made", False)):
        error = in_a_module((tmp_path / "refusing.py").read_text(), package, str(tmp_path / "refusing.py"))
        assert mendable(error) == ("no such strategy (This is what torch says.)" if meant else None)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOENT, "data.jsonl: No such file or directory."),
        (errno.EACCES, "data.jsonl: Permission denied."),
        (errno.ENOSPC, "data.jsonl: No space left on device. Free some space; the same command goes on."),
        (errno.EFBIG, "data.jsonl: File too large. Free some space; the same command goes on."),
        (errno.EPIPE, None),
    ],
)
def test_what_the_system_says_of_files_is_for_the_user(number: int, told: str | None) -> None:
    import os

    assert mendable(OSError(number, os.strerror(number), "data.jsonl")) == told


def test_memory_and_lightning_s_own_settings_are_for_the_user() -> None:
    import torch
    from lightning.pytorch.utilities.exceptions import MisconfigurationException

    assert mendable(MisconfigurationException("No such strategy.")) == "No such strategy."
    told = mendable(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB."))
    assert told is not None
    assert told.startswith("CUDA out of memory. Tried to allocate 20 GiB. Take smaller batches")


UNION = """Parser key "data":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'lightning.pytorch.core.datamodule.LightningDataModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'lit_mstar.data.SupervisedDataModule':
        Parser key "source":
          Problem with given class_path 'lit_mstar.data.DigitsSource':
            Parser key "train":
              Expected a <class 'int'>. Got value: many
    - Expected a <class 'NoneType'>
  Given value type: <class 'jsonargparse._util.NestedArg'>
  Given value: NestedArg(key='source.init_args.train', val='many')"""
PLAIN = """Parser key "trainer.max_epochs":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'int'>, <class 'NoneType'>]
  Errors:
    - Expected a <class 'int'>
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: three"""
OWN = """Does not validate against any of the Union subtypes
Subtypes: [<class 'x.Y'>, <class 'NoneType'>]
Errors:
  - SelfEvolvingDataModule.interval is 2.0; it must be in (0, 1].
  - Expected a <class 'NoneType'>
Given value type: <class 'jsonargparse._namespace.Namespace'>
Given value: Namespace(interval=2.0)"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (UNION, "data.source.train: must be int, not many"),
        (PLAIN, "trainer.max_epochs: must be int or null, not 'three'"),
        (OWN, "SelfEvolvingDataModule.interval is 2.0; it must be in (0, 1]"),
        ("something else", "something else"),
        ("", ""),
    ],
)
def test_the_parser_s_innermost_reason_is_told(text: str, told: str) -> None:
    assert parse_error(text) == told
    assert mendable(ArgumentError(None, text)) == told


def test_the_reason_survives_jsonargparse_as_it_is(tmp_path: Path) -> None:
    """The patterns above are those of the release that is installed."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--params", type=SamplingParams | None)
    with pytest.raises(ArgumentError) as error:
        parser.parse_args(["--params", json.dumps({"n": "many"})])
    assert mendable(error.value) is not None
    assert "int" in str(mendable(error.value))


def test_a_folder_that_another_holds_is_for_the_user(tmp_path: Path) -> None:
    (first := Claim()).hold(tmp_path)
    assert "another process works there" in str(mendable(raised(lambda: Claim().hold(tmp_path))))
    first.release()
