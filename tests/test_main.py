from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import lit_mstar
from lit_mstar.__main__ import main
from support.commands import lit_mstar as lit_mstar_command


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_help_names_every_command_and_imports_no_torch():
    code = "import sys; from lit_mstar.__main__ import main; main(['--help']); print('torch' in sys.modules)"
    lines = run_python(code).stdout.splitlines()
    assert lines[-1] == "False"
    for command in ("fit", "validate", "test", "predict", "annotate", "run"):
        assert any(line.strip().startswith(command + " ") for line in lines)


def test_help_finds_a_class_in_the_current_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "my_own_callback.py").write_text(
        'class Mine:\n    """Does it.\n\n    Args:\n        often: How often.\n    """\n\n'
        "    def __init__(self, often: int = 3) -> None:\n        pass\n"
    )
    found = lit_mstar_command(tmp_path, "fit", "--help", "my_own_callback.Mine")
    assert found.returncode == 0, found.stderr
    assert "often: int = 3" in found.stdout
    assert "How often." in found.stdout


def test_no_arguments_is_a_call_for_help(capsys: pytest.CaptureFixture[str]):
    main([])
    assert "usage: lit-mstar COMMAND" in capsys.readouterr().out


def test_an_unknown_command_is_named_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["fitt"])
    assert ended.value.code == 2
    assert "unknown command 'fitt'. Did you mean 'fit'?" in capsys.readouterr().err.splitlines()[0]


def test_version(capsys: pytest.CaptureFixture[str]):
    main(["--version"])
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"lit-mstar {lit_mstar.__version__}"
    assert f"torch {version('torch')}, lightning {version('lightning')}, " in second


def test_importing_the_package_imports_no_torch():
    assert run_python("import lit_mstar, sys; print('torch' in sys.modules)").stdout == "False\n"


@pytest.mark.parametrize("name", lit_mstar.__all__)
def test_every_promised_name_is_there(name: str):
    assert getattr(lit_mstar, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="PolicyModul"):
        lit_mstar.PolicyModul
