"""Learning from given reasoning: what is learned, how often, and what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import PolicyModule, Problem
from lit_mstar.data import DigitsSource, SupervisedDataModule
from lit_mstar.encoding.encoder import IGNORE
from lit_mstar.reasoning.format import ReasoningFormat
from support.scripted import ListSource, largest_difference, make_policy, make_trainer, sums, weights


def reasoned(count: int) -> list[Problem]:
    return [
        replace(problem, reasoning=f"Step 1: {'so ' * i}\nAnswer: {problem.answer}")
        for i, problem in enumerate(sums(count))
    ]


def expected_rows(encoder: Any, problems: list[Problem], texts: list[str]) -> Counter:
    prompts = [encoder.prompts([problem])["input_ids"][0].tolist() for problem in problems]
    return Counter((*prompt, *encoder.response_ids(text)) for prompt, text in zip(prompts, texts, strict=True))


@pytest.mark.parametrize("answers_only", [False, True])
def test_each_chain_is_learned_once_an_epoch(tmp_path: Path, seen: Any, answers_only: bool) -> None:
    problems, policy = reasoned(11), make_policy(lr=0.0)
    data = SupervisedDataModule(ListSource(seed=problems), answers_only=answers_only, batch_size=4)
    make_trainer(tmp_path, max_epochs=2, callbacks=[seen]).fit(policy, datamodule=data)
    texts = [f"Answer: {p.answer}" if answers_only else p.reasoning for p in problems]
    expected = expected_rows(policy.encoder, problems, texts)
    assert [Counter(epoch) for epoch in seen.epochs] == [expected, expected]
    assert seen.sizes == [4, 4, 3] * 2


def test_order_is_another_each_epoch_and_the_same_in_a_fresh_run(tmp_path: Path, seen: Any) -> None:
    runs = []
    for _ in range(2):
        callback = type(seen)()
        data = SupervisedDataModule(ListSource(seed=reasoned(11)), batch_size=4)
        make_trainer(tmp_path, max_epochs=3, callbacks=[callback]).fit(make_policy(lr=0.0), datamodule=data)
        runs.append(callback.epochs)
    assert runs[0] == runs[1]
    assert len({tuple(epoch) for epoch in runs[0]}) == 3


def test_only_the_response_and_its_end_are_learned(digits: DigitsSource, tmp_path: Path) -> None:
    policy, batches = make_policy(lr=0.0), []
    policy.on_train_batch_start = lambda batch, index: batches.append(batch)
    data = SupervisedDataModule(digits, batch_size=5)
    make_trainer(tmp_path, limit_val_batches=0).fit(policy, datamodule=data)
    labels = [row[row != IGNORE].tolist() for batch in batches for row in batch["labels"]]
    texts = [problem.reasoning for problem in digits.problems("seed")]
    assert sorted(map(policy.encoder.decode, labels)) == sorted(texts)
    assert all(ids[-1] == policy.encoder.end_id for ids in labels)


def test_other_splits_can_be_learned(tmp_path: Path, seen: Any) -> None:
    policy = make_policy(lr=0.0)
    data = SupervisedDataModule(ListSource(train=sums(3)), split="train", answers_only=True)
    make_trainer(tmp_path, callbacks=[seen]).fit(policy, datamodule=data)
    expected = expected_rows(policy.encoder, sums(3), ["Answer: 0", "Answer: 2", "Answer: 4"])
    assert [Counter(epoch) for epoch in seen.epochs] == [expected]


@pytest.mark.parametrize(("answers_only", "field"), [(False, "reasoning"), (True, "answer")])
def test_what_is_missing_is_named_before_loading(tmp_path: Path, answers_only: bool, field: str) -> None:
    problems = reasoned(4)
    problems[2] = replace(problems[2], **{field: None})
    policy = make_policy()
    policy.model = None
    data = SupervisedDataModule(ListSource(seed=problems), answers_only=answers_only)
    with pytest.raises(ValueError, match=f"Problem p2 of split 'seed' has no {field}; add it"):
        make_trainer(tmp_path).fit(policy, datamodule=data)
    assert policy.model is None


def test_no_problems_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ListSource has no 'seed' problems"):
        make_trainer(tmp_path).fit(make_policy(), datamodule=SupervisedDataModule(ListSource(train=sums(2))))


def fit(folder: Path, checkpoint: Path | None = None, every: dict[str, int] | None = None) -> PolicyModule:
    keeper = ModelCheckpoint(dirpath=folder, filename="{step}", save_top_k=-1, **(every or {}))
    trainer = make_trainer(folder, max_epochs=3, callbacks=[keeper], enable_checkpointing=True)
    policy = make_policy()
    data = SupervisedDataModule(ListSource(seed=reasoned(7)), batch_size=3)
    trainer.fit(policy, datamodule=data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    return policy


@pytest.mark.parametrize(("every", "step"), [("every_n_epochs", 3), ("every_n_epochs", 6), ("every_n_train_steps", 4)])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, every: str, step: int) -> None:
    whole = fit(tmp_path / "whole", every={every: 1})  # three batches an epoch
    resumed = fit(tmp_path / "resumed", tmp_path / f"whole/step={step}.ckpt")
    assert largest_difference(weights(whole), weights(resumed)) == 0


class Batches(Callback):
    """The rows of all batches, in order."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.rows += batch["labels"].tolist()


@pytest.mark.parametrize(("file", "done"), [("epoch=1.ckpt", 4), ("step=5.ckpt", 5)])  # an epoch's end, and amid one
def test_a_resumed_run_sees_the_batches_of_an_uninterrupted_one(tmp_path: Path, file: str, done: int) -> None:
    def fit(resume: Path | None = None) -> list[list[int]]:
        batches = Batches()
        callbacks = [
            batches,
            ModelCheckpoint(dirpath=tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True),
            ModelCheckpoint(dirpath=tmp_path, filename="{step}", every_n_train_steps=5, save_top_k=-1),
        ]
        trainer = make_trainer(
            tmp_path, max_epochs=3, callbacks=callbacks, enable_checkpointing=True, limit_val_batches=0
        )
        data = SupervisedDataModule(ListSource(seed=reasoned(8)), batch_size=4)  # 2 batches an epoch
        trainer.fit(make_policy(lr=0.0), datamodule=data, ckpt_path=resume)
        return batches.rows

    whole = fit()
    assert fit(resume=tmp_path / file) == whole[done * 4 :]


OWN = ReasoningFormat(answer_pattern=r"(?m)^=> (.*)$", answer_template="=> {answer}")


def test_the_user_s_own_answer_format_is_read_and_taught(tmp_path: Path, seen: Any) -> None:
    problems = [replace(problem, reasoning=f"so\n=> {problem.answer}") for problem in sums(3)]
    for answers_only, texts in ((False, [p.reasoning for p in problems]), (True, ["=> 0", "=> 2", "=> 4"])):
        callback, policy = type(seen)(), make_policy(lr=0.0, reasoning=OWN)
        data = SupervisedDataModule(ListSource(seed=problems), answers_only=answers_only)
        make_trainer(tmp_path, callbacks=[callback]).fit(policy, datamodule=data)
        assert [Counter(epoch) for epoch in callback.epochs] == [expected_rows(policy.encoder, problems, texts)]


@pytest.mark.parametrize(
    ("reasoning", "said"),
    [("so\n=> 3", "ends in the answer '3', but field 'answer' is '2'"), ("so\nAnswer: 2", "no final answer")],
)
def test_a_chain_that_ends_otherwise_is_refused_before_loading(tmp_path: Path, reasoning: str, said: str) -> None:
    problems = [replace(sums(2)[1], reasoning=reasoning, source="seed.jsonl:2")]
    policy = make_policy(reasoning=OWN)
    policy.configure_model = lambda: pytest.fail("the model was loaded")
    with pytest.raises(ValueError, match=f"seed.jsonl:2: field 'reasoning' .*{said}"):
        make_trainer(tmp_path).fit(policy, datamodule=SupervisedDataModule(ListSource(seed=problems)))
