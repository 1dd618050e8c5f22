"""Annotated steps from disk: each chain once an epoch, in its split, with its labels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lit_mstar import ProcessRewardModule
from lit_mstar.data import ProblemDataModule, StepwiseDataModule
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.step_labels.parquet import write_steps
from support.helpers import make_tiny_backbone, png
from support.scripted import ListSource, make_policy, make_trainer, sums

COUNTS = {"train": 9, "validate": 4, "test": 3}


def chains(split: str) -> list[StepExample]:
    return [
        StepExample(
            problem,
            [f"Step {k}: {split} {i}." for k in range(1 + i % 3)],
            [((i + k) % 5) / 4 for k in range(1 + i % 3)],
        )
        for i, problem in enumerate(sums(COUNTS[split], split))
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in COUNTS:
        examples = chains(split)
        write_steps(tmp_path / f"steps/{split}-00000.parquet", split, examples[:2], b"")
        write_steps(tmp_path / f"steps/{split}-00001.parquet", split, examples[2:], b"")
    return tmp_path / "steps"


def make_prm() -> ProcessRewardModule:
    torch.manual_seed(0)
    return ProcessRewardModule(make_tiny_backbone(), optimizer=lambda params: torch.optim.SGD(params, lr=0.1))


def rows(batches: list[Any]) -> Counter:
    found = Counter()
    for batch in batches:
        for ids, mask, labels in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True):
            found[tuple(ids[mask.bool()].tolist()), tuple(labels[~labels.isnan()].tolist())] += 1
    return found


def expected_rows(split: str) -> Counter:
    encoder = make_tiny_backbone().encoder
    return rows([collate_steps(encoder, [example]) for example in chains(split)])


def test_each_chain_is_learned_once_an_epoch(folder: Path, tmp_path: Path) -> None:
    prm, batches = make_prm(), []
    prm.on_train_batch_start = lambda batch, index: batches.append(batch)
    data = StepwiseDataModule(str(folder), batch_size=4)
    make_trainer(tmp_path, max_epochs=2, limit_val_batches=0).fit(prm, datamodule=data)
    assert [len(batch["labels"]) for batch in batches] == [4, 4, 1] * 2
    assert rows(batches[:3]) == rows(batches[3:]) == expected_rows("train")


def test_order_is_another_each_epoch_and_the_same_in_a_fresh_run(folder: Path, tmp_path: Path, seen: Any) -> None:
    runs = []
    for _ in range(2):
        callback = type(seen)()
        trainer = make_trainer(tmp_path, max_epochs=3, limit_val_batches=0, callbacks=[callback])
        trainer.fit(make_prm(), datamodule=StepwiseDataModule(str(folder), batch_size=4))
        runs.append(callback.epochs)
    assert runs[0] == runs[1]
    assert len({tuple(epoch) for epoch in runs[0]}) == 3


@pytest.mark.parametrize(("run", "split"), [("validate", "validate"), ("test", "test")])
def test_held_out_chains_are_those_of_the_split(folder: Path, tmp_path: Path, run: str, split: str) -> None:
    prm, batches = make_prm(), []
    setattr(prm, f"on_{run.replace('validate', 'validation')}_batch_start", lambda batch, index: batches.append(batch))
    getattr(make_trainer(tmp_path), run)(prm, datamodule=StepwiseDataModule(str(folder), batch_size=2), verbose=False)
    assert rows(batches) == expected_rows(split)


def test_missing_folder_names_its_stage(tmp_path: Path) -> None:
    folder = tmp_path / "runs/demo/2-annotate/steps"
    with pytest.raises(ValueError, match="run `lit-mstar annotate --config configs/demo/2-annotate.yaml` first"):
        make_trainer(tmp_path).fit(make_prm(), datamodule=StepwiseDataModule(str(folder)))


def test_missing_training_rows_are_named(folder: Path, tmp_path: Path) -> None:
    for file in folder.glob("train-*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"steps has no rows of split 'train'; annotate the training problems too"):
        make_trainer(tmp_path).fit(make_prm(), datamodule=StepwiseDataModule(str(folder)))


@pytest.mark.parametrize(("label", "said"), [(0.0, "are 0.0"), (1.0, "are 1.0")])
def test_labels_that_are_all_the_same_are_told(label: float, said: str, tmp_path: Path) -> None:
    examples = [StepExample(problem, ["Step 1: 1."], [label]) for problem in sums(4)]
    write_steps(tmp_path / "steps/train-00000.parquet", "train", examples, b"")
    with pytest.warns(UserWarning, match=f"All step labels in .*steps {said}: a reward model can learn nothing"):
        make_trainer(tmp_path).fit(make_prm(), datamodule=StepwiseDataModule(str(tmp_path / "steps")))


def test_a_module_is_not_trained_on_data_of_another_kind(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PolicyModule learns from problems, and StepwiseDataModule serves labelled"):
        make_trainer(tmp_path).fit(make_policy(), datamodule=StepwiseDataModule(str(folder)))
    with pytest.raises(ValueError, match="learns from labelled steps, and ProblemDataModule serves problems"):
        make_trainer(tmp_path).fit(make_prm(), datamodule=ProblemDataModule(ListSource(train=sums(2))))


def test_partial_files_are_not_read(folder: Path, tmp_path: Path) -> None:
    (folder / ".train-00002.parquet.123.partial").write_bytes(b"half")
    data = StepwiseDataModule(str(folder))
    data.setup("fit")
    assert {split: len(examples) for split, examples in data._examples.items()} == COUNTS


def test_images_of_a_strangers_data_set_are_checked_before_training(folder: Path, tmp_path: Path) -> None:
    image = tmp_path / "pool" / "a.png"
    image.parent.mkdir()
    image.write_bytes(png())
    file = folder / "train-00000.parquet"
    rows = pq.read_table(file, partitioning=None).to_pylist()

    def setup(*images: dict[str, Any], **options: Any) -> StepwiseDataModule:
        pq.write_table(pa.Table.from_pylist([row | {"images": list(images)} for row in rows]), file)
        data = StepwiseDataModule(str(folder), **options)
        data.setup("fit")
        return data

    named = {"bytes": None, "path": str(image)}
    with pytest.raises(ValueError, match=r"row 0: Image .*outside .*steps; .*set StepwiseDataModule\.image_root"):
        setup(named)
    data = setup(named, image_root=image.parent)
    assert data._examples["train"][0].problem.images == (str(image),)
    with pytest.raises(ValueError, match=r"Image <bytes> is not a readable image file"):
        setup({"bytes": b"<svg></svg>", "path": None})
    with pytest.raises(ValueError, match=r"none\.png does not exist"):
        setup({"bytes": None, "path": "none.png"})
