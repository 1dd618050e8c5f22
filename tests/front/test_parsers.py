"""The options of commands that are not Lightning's, and what is said of wrong ones: one line, without the usage."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.front.parsers import commands, parser_of

PATHS = {
    "run": "recipe",
    "plan": "recipe",
    "study": "FILE",
    "compare": "first",
    "regrade": "run",
    "convert": "checkpoint",
}


@pytest.mark.parametrize("command", PATHS)
def test_what_is_read_must_be_there(command: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(SystemExit) as said:
        parser_of(command).parse_args([str(tmp_path / "mien"), "x"])
    assert str(said.value) == (
        f"argument {PATHS[command]}: {tmp_path / 'mien'} does not exist. Did you mean {str(tmp_path / 'mine')!r}? "
        f"(lit-mstar {command} --help has its options.)"
    )


@pytest.mark.parametrize("command", commands())
def test_any_misspelled_option_is_answered_with_the_right_one(command: str) -> None:
    parser = parser_of(command)
    for option in (word for word in parser._option_string_actions if word.startswith("--")):
        with pytest.raises(SystemExit) as said:
            parser.error(f"unrecognized arguments: {option}x 3")
        wanted = f"unrecognized arguments: {option}x 3. Did you mean {option!r}? (lit-mstar {command} --help has"
        assert str(said.value) == f"{wanted} its options.)"


def test_all_that_is_wanted_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="the following arguments are required: folder, --data, --model"):
        parser_of("init").parse_args([])
    assert capsys.readouterr() == ("", "")
