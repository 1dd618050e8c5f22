"""Annotated steps from disk: each chain once an epoch, in its split, with its labels."""

from __future__ import annotations

import json
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


def write_trl(file: Path, count: int) -> None:
    rows = [{"prompt": f"{i}?", "completions": [f"a {i}", "b"], "labels": [True, i % 2 == 0]} for i in range(count)]
    file.write_text("\n".join(map(json.dumps, rows)))


def test_others_files_are_divided_by_problem(tmp_path: Path):
    write_trl(tmp_path / "steps.jsonl", 300)
    data = StepwiseDataModule(str(tmp_path / "steps.jsonl"), held_out=0.1)
    data.setup("fit")
    found = {split: [e.problem.question for e in rows] for split, rows in data._examples.items()}
    assert sum(map(len, found.values())) == 300
    assert len({*found["train"]} | {*found["validate"]} | {*found["test"]}) == 300
    assert all(15 <= len(found[split]) <= 50 for split in ("validate", "test"))
    again = StepwiseDataModule(str(tmp_path), held_out=0.1)
    again.setup("fit")
    assert again._examples == data._examples


def test_others_files_may_name_their_splits(tmp_path: Path):
    for name, count in (("train-00000-of-00001", 5), ("validation", 3), ("test", 2)):
        write_trl(tmp_path / f"{name}.jsonl", count)
    data = StepwiseDataModule(str(tmp_path))
    data.setup("fit")
    assert {split: len(rows) for split, rows in data._examples.items()} == {"train": 5, "validate": 3, "test": 2}


def test_what_nobody_measured_is_not_learned(tmp_path: Path):
    steps = [{"step": f"s{k}", "score": 0.5, "num_mc_correct": k, "num_mc_total": 4 * (k != 1)} for k in range(3)]
    row = {"question": "?", "steps_with_score": steps}
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    data = StepwiseDataModule(str(tmp_path))
    data.setup("fit")
    (example,) = data._examples["train"]
    prm = make_prm()
    prm.configure_model()
    batch = collate_steps(prm.encoder, [example])
    _, weight = prm.loss(batch)
    assert float(weight) == 2
    prm.labels = "binomial"
    assert float(prm.loss(batch)[1]) == 8
    assert data.positive_share("binomial") == pytest.approx((0 + 2) / 8)
    assert data.positive_share("hard") == 1 / 2


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path):
    write_trl(tmp_path / "train.jsonl", 30)
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write('\n{"prompt": "?"}\n')
    with pytest.warns(UserWarning, match="1 of 31 rows cannot be used: .*fields are prompt"):
        StepwiseDataModule(str(tmp_path)).setup("fit")
    with pytest.raises(ValueError, match="1 of 31 rows .*most_bad"):
        StepwiseDataModule(str(tmp_path), most_bad=0.01).setup("fit")
    with pytest.raises(ValueError, match="1 of 31 rows .*allow more by on_bad_row: skip and most_bad"):
        StepwiseDataModule(str(tmp_path), on_bad_row="error").setup("fit")


def test_steps_that_are_all_alike_cannot_be_balanced(tmp_path: Path):
    rows = [{"prompt": "?", "completions": ["a"], "labels": [True]}]
    (tmp_path / "train.jsonl").write_text(json.dumps(rows[0]))
    data = StepwiseDataModule(str(tmp_path))
    with pytest.warns(UserWarning, match="All step labels"):
        data.setup("fit")
    assert data.positive_share("soft") is None


def test_the_truth_is_learned_in_place_of_labels(tmp_path: Path):
    steps, truth = ["a", "b", "c"], [True, False, True]
    example = StepExample(sums(1)[0], steps, [0.5, 1.0, 0.0], truth=truth, draws=[2, 4, 4])
    write_steps(tmp_path / "train-00000.parquet", "train", [example], b"")
    data = StepwiseDataModule(str(tmp_path), learn="truth")
    data.setup("fit")
    (found,) = data._examples["train"]
    assert (found.steps, found.labels, found.truth, found.draws) == (steps, [1.0, 0.0, 1.0], truth, None)
    assert data.positive_share("hard") == data.positive_share("soft") == pytest.approx(2 / 3)


def test_a_truth_that_nobody_knows_is_not_learned(folder: Path):
    with pytest.raises(ValueError, match="Nobody could tell which steps of problem '.*' in .* are true; set .*labels"):
        StepwiseDataModule(str(folder), learn="truth").setup("fit")
    with pytest.raises(ValueError, match="StepwiseDataModule.learn is 'lies'; it must be 'labels' or 'truth'"):
        StepwiseDataModule(str(folder), learn="lies")


@pytest.mark.parametrize("options", [{"held_out": 0.5}, {"held_out": -0.1}, {"most_bad": 1.0}])
def test_impossible_shares_are_refused(tmp_path: Path, options: dict[str, float]):
    with pytest.raises(ValueError, match="held_out is"):
        StepwiseDataModule(str(tmp_path), **options)
