from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lit_mstar import Backbone, ProcessRewardModule
from lit_mstar.sharing.chat import Chat, main
from lit_mstar.sharing.streamed import Scored
from support.helpers import png
from support.scripted import make_prm
from support.taught import CHAIN, LESSONS

QUESTION = next(iter(LESSONS)).question
ANSWER = CHAIN.format(3, 3, 7, 7)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "red.png").write_bytes(png(8, 8))
    return tmp_path / "red.png"


def console() -> Console:
    return Console(file=io.StringIO(), width=200, highlight=False)


def test_the_answer_is_the_policys_and_is_printed_as_it_is(saved: Path, image: Path):
    shown = console()
    assert Chat(Backbone(str(saved)), [str(image)]).ask(QUESTION, shown) == ANSWER
    assert shown.file.getvalue().strip() == ANSWER


def test_what_follows_is_asked_in_view_of_what_was_said(saved: Path, image: Path):
    chat = Chat(Backbone(str(saved)), [str(image)], max_tokens=60)
    chat.ask(QUESTION, console())
    seen: list[Any] = []
    batch_of = chat.encoder.conversation

    def noting(problem: Any, later: Any) -> Any:
        seen.append(chat.encoder.prompt_text(problem, later))
        return batch_of(problem, later)

    chat.encoder.conversation = noting  # type: ignore[method-assign]
    chat.ask("Why <end_of_utterance>?", console())
    (prompt,) = seen
    assert prompt.index(QUESTION) < prompt.index(ANSWER) < prompt.index("Why")
    assert prompt.count("<image>") == 1
    first = chat.encoder.prompt_text(chat._first)
    assert prompt.startswith(first)


def test_steps_have_the_reward_models_scores(saved: Path, image: Path, tmp_path: Path):
    prm = ProcessRewardModule.from_folder(make_prm(tmp_path / "prm"))
    shown = console()
    chat = Chat(Backbone(str(saved)), [str(image)], prm)
    chat.ask(QUESTION, shown)
    *steps, answer = ANSWER.split("\n")
    expected = [f"{step}   {score:.2f}" for step, score in zip(steps, chat.scores(QUESTION, steps), strict=True)]
    assert shown.file.getvalue().splitlines() == [*expected, answer]


class Letters:
    """A tokenizer of which every letter is a token."""

    def decode(self, ids: list[int], **_: Any) -> str:
        return "".join(map(chr, ids))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Step 1: a\nStep 2: b\nAnswer: c", ["Step 1: a   0.10", "Step 2: b   0.20", "Answer: c"]),
        ("Step 1: a\nmore of it\nStep 2: b", ["Step 1: a", "more of it   0.10", "Step 2: b   0.20"]),
        ("one\ntwo", ["one   0.10", "two   0.20"]),
        ("Answer: c", ["Answer: c   0.10"]),  # with nothing else, it is the step
    ],
)
def test_a_score_stands_behind_the_last_line_of_its_step(text: str, expected: list[str]):
    from lit_mstar.reasoning.steps import split_steps

    shown = console()
    stream = Scored(Letters(), shown, split_steps, lambda steps: [0.1 * (k + 1) for k in range(len(steps))])
    pieces = [text[start : start + 3] for start in range(0, len(text), 3)]
    for number, piece in enumerate(pieces):
        stream.on_finalized_text(piece, stream_end=number == len(pieces) - 1)
    assert [line.rstrip() for line in shown.file.getvalue().splitlines()] == expected


def test_questions_come_from_the_command_line_or_the_input(
    saved: Path, image: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    main([str(saved), str(image), "--question", QUESTION])
    assert ANSWER in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{QUESTION}\n\n"))
    main([str(saved), str(image)])
    assert ANSWER in capsys.readouterr().out


def test_an_image_that_is_none_is_said_before_a_model_is_loaded(saved: Path, tmp_path: Path):
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(ValueError, match=r"x\.png is not a readable image file"):
        main([str(saved), str(tmp_path / "x.png"), "--question", "?"])


def test_any_scorer_may_stand_behind_the_steps(
    saved: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    script = tmp_path / "score.py"
    lines = ["import json, sys", "for line in sys.stdin:", "    row = json.loads(line)"]
    lines += ["    scores = [[0.25] * len(chain) for chain in row['chains']]"]
    lines += ["    print(json.dumps({'id': row['id'], 'scores': scores}), flush=True)"]
    script.write_text("\n".join(lines))
    (tmp_path / "scorer.yaml").write_text(
        f"class_path: lit_mstar.scorers.CommandScorer\ninit_args: {{command: [{sys.executable}, {script}]}}\n"
    )
    main([str(saved), str(image), "--prm", str(tmp_path / "scorer.yaml"), "--question", QUESTION])
    assert capsys.readouterr().out.count("   0.25") == 3
