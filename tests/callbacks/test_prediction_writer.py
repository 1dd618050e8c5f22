"""One JSON line per response, in a file that was not there before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lit_mstar.callbacks import PredictionWriter
from lit_mstar.data import ProblemDataModule
from support.scripted import ListSource, ScriptedSampler, make_policy, make_trainer, right, sums, wrong


def predict(folder: Path, writer: PredictionWriter) -> None:
    policy = make_policy(ScriptedSampler(lambda p, i, s: right(p) if int(p.answer) % 4 else wrong(p)))
    data = ProblemDataModule(ListSource(test=sums(5)), eval_batch_size=2)
    trainer = make_trainer(folder, callbacks=[writer])
    trainer.predict(policy, datamodule=data, return_predictions=False)


def test_each_response_is_a_line_with_its_verdict(tmp_path: Path) -> None:
    file = tmp_path / "new" / "answers.jsonl"
    predict(tmp_path, PredictionWriter(str(file)))
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3", "p4"]
    assert [row["answer"] for row in rows] == ["none", "2", "none", "6", "none"]
    assert [row["correct"] for row in rows] == [False, True, False, True, False]
    assert rows[1]["question"] == "1 + 1?"
    assert rows[1]["reference"] == "2"
    assert rows[1]["response"] == right(sums(2)[1])


def test_a_file_that_is_there_is_left_alone_unless_asked(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text("my data\n")
    with pytest.raises(ValueError, match=r"train.jsonl exists; give PredictionWriter.file another name"):
        predict(tmp_path, PredictionWriter(str(file)))
    assert file.read_text() == "my data\n"
    predict(tmp_path, PredictionWriter(str(file), overwrite=True))
    assert len(file.read_text().splitlines()) == 5


def test_other_loops_write_nothing(tmp_path: Path) -> None:
    policy = make_policy(ScriptedSampler(lambda p, i, s: right(p)))
    trainer = make_trainer(tmp_path, callbacks=[PredictionWriter(str(tmp_path / "answers.jsonl"))])
    trainer.test(policy, datamodule=ProblemDataModule(ListSource(test=sums(2))), verbose=False)
    assert not (tmp_path / "answers.jsonl").exists()
