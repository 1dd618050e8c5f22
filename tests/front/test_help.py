from __future__ import annotations

import pytest

import lit_mstar.callbacks
from lit_mstar.front.check import SUBCOMMANDS, check_command, read_command
from lit_mstar.front.completion import candidates, main
from lit_mstar.front.help import help_of
from lit_mstar.front.parsers import commands, parser_of


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_help_begins_with_examples_that_pass_the_checks(command: str) -> None:
    text = help_of(command, ["--help"])
    assert text is not None
    lines = text.splitlines()
    assert lines[0].startswith(f"usage: lit-mstar {command} --config FILE")
    examples = [line.split() for line in lines if line.startswith(f"  lit-mstar {command} ")]
    assert examples == [line.split() for line in lines[2::2][: len(examples)]]
    for words in examples:
        options = [(name, value) for name, value in read_command(words[2:]).options if "my_callbacks" not in value]
        if options:
            check_command(command, [word for name, value in options for word in (f"--{name}", value)])
    assert len(lines) < 75
    assert max(map(len, lines)) <= 120


def test_help_names_every_callback_and_what_to_ask_for_more() -> None:
    text = help_of("fit", ["-h"]) or ""
    assert all(f"\n  {name} " in text for name in lit_mstar.callbacks.__all__)
    assert "lit-mstar fit --help CLASS" in text.splitlines()[-1]


@pytest.mark.parametrize("name", ["PRMFilter", "lit_mstar.callbacks.PRMFilter"])
def test_help_of_a_class_has_its_arguments_with_types_defaults_and_meaning(name: str) -> None:
    text = help_of("fit", ["--help", name]) or ""
    assert "\n  prm: str | StepScorer (required)\n" in text
    assert "\n  batch_size: int = 256\n      Most responses scored at the same time (ours);" in text


def test_help_of_a_class_that_is_not_there_suggests_one() -> None:
    with pytest.raises(ValueError, match="no class of that name. Did you mean 'PRMFilter'"):
        help_of("fit", ["--help", "PRMFiltre"])


def test_what_is_no_call_for_help_is_none() -> None:
    assert help_of("fit", ["--config", "x"]) is None
    assert help_of("fit", ["--help", "all"]) is None  # the parser itself answers


@pytest.mark.parametrize("command", commands())
def test_every_other_command_has_a_parser_with_a_description(command: str) -> None:
    parser = parser_of(command)
    assert parser.prog == f"lit-mstar {command}"
    assert parser.description


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["pl"], ["plan"]),
        (["fit", "--trainer.max_"], ["--trainer.max_epochs", "--trainer.max_steps", "--trainer.max_time"]),
        (["fit", "--over"], ["--overwrite"]),
        (["run", "--re"], ["--rerun"]),
        (["run", "conf"], []),  # a file: the shell knows
        (["nothing", "--x"], []),
    ],
)
def test_words_are_completed(words: list[str], found: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert candidates(words) == found
    main(["__complete", *words])
    assert capsys.readouterr().out.split() == found


def test_bash_completes_by_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    main(["bash"])
    script = capsys.readouterr().out
    code = f"""lit-mstar() {{ {sys.executable} -m lit_mstar "$@"; }}
{script}
COMP_WORDS=(lit-mstar fit --trainer.max_e); COMP_CWORD=2
_lit_mstar lit-mstar --trainer.max_e fit
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
    assert done.stdout == "--trainer.max_epochs\n", done.stderr
