"""The command, in this process or as one of its own, and a short stage for it."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lit_mstar.__main__ import main


def lit_mstar(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in `folder`, in this process: a process of its own would import everything anew, for seconds.

    What it leaves of itself (arguments, the import path, environment variables) is put back.
    """
    out, err, code = StringIO(), StringIO(), 0
    with (
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["lit-mstar", *args]),
        patch.object(sys, "path", [*sys.path]),
        patch.dict(os.environ),
    ):
        try:
            main([*args])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            err.write(end.code if isinstance(end.code, str) else "")
        except Exception:
            traceback.print_exc()
            code = 1
    return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())


def lit_mstar_process(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The same as a user's shell would."""
    command = [sys.executable, "-m", "lit_mstar", *args]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def sft_config(model: Path, **data: Any) -> dict[str, Any]:
    """One short epoch of supervised training on digits."""
    return {
        "trainer": {"accelerator": "cpu", "max_epochs": 1, "logger": False, "default_root_dir": "run"},
        "model": {
            "class_path": "lit_mstar.PolicyModule",
            "init_args": {
                "backbone": {"class_path": "lit_mstar.Backbone", "init_args": {"path": str(model)}},
                "evaluation": {"max_tokens": 8},
            },
        },
        "data": {
            "class_path": "lit_mstar.data.SupervisedDataModule",
            "init_args": {
                "source": {
                    "class_path": "lit_mstar.data.DigitsSource",
                    "init_args": {"seed": 8, "train": 4, "validate": 4, "test": 4},
                },
                "batch_size": 4,
            }
            | data,
        },
    }
