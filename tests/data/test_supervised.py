"""Learning from given reasoning: what is learned, how often, and what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ListSource, make_policy, make_trainer, sums

from lit_mstar import Problem
from lit_mstar.data import DigitsSource, SupervisedDataModule
from lit_mstar.encoding import IGNORE


def reasoned(count: int) -> list[Problem]:
    return [replace(problem, reasoning=f"Step 1: {'so ' * i}\nAnswer: {i}") for i, problem in enumerate(sums(count))]


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


def test_fit_resumes_after_an_epoch_as_if_uninterrupted(tmp_path: Path) -> None:
    def fit(epochs: int, checkpoint: str | None = None) -> Any:
        trainer = make_trainer(tmp_path, max_epochs=epochs)
        policy = make_policy()
        data = SupervisedDataModule(ListSource(seed=reasoned(7)), batch_size=3)
        trainer.fit(policy, datamodule=data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
        return trainer, policy

    trainer, _ = fit(2)
    trainer.save_checkpoint(tmp_path / "two.ckpt")
    _, resumed = fit(4, str(tmp_path / "two.ckpt"))
    _, whole = fit(4)
    assert resumed.fingerprint() == whole.fingerprint()
    assert all(bool((a == b).all()) for a, b in zip(resumed.parameters(), whole.parameters(), strict=True))
