"""Labelled steps on disk: Parquet in the stepwise format that reward trainers read, images included.

A row is a chain: `prompt`, `completions` (its steps), `labels` (one per step), and beside them the problem's id,
split, choices, answer and images, and the steps' truth where the source knows it.

We write images as bytes, so the data set stands alone. Others may name files: those lie beside the data set, or in a
folder that the reader names.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.files import atomic
from lit_mstar.rollouts.images import MAX_BYTES, image_bytes, image_inside
from lit_mstar.rollouts.nouns import Problem

_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "split": pa.string(),
        "prompt": pa.string(),
        "completions": pa.list_(pa.string()),
        "labels": pa.list_(pa.float64()),
        "truth": pa.list_(pa.bool_()),  # null where nobody can tell
        "draws": pa.list_(pa.int32()),  # of how many completions a label is the share; null where nobody counted
        "choices": pa.list_(pa.string()),
        "answer": pa.string(),
        "images": pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()})),
        "system": pa.string(),  # null, as the next, where the problem leaves it to the backbone
        "template": pa.string(),
    }
)
_FINGERPRINT, _COST = b"fingerprint", b"cost"


_GROUP = 2 * MAX_BYTES  # bytes of images, ours: so much is in memory twice while it is written
_SPLITS = ("train", "validate", "test")


def write_steps(
    file: Path, split: str, examples: Sequence[StepExample], fingerprint: bytes, cost: Mapping[str, int] | None = None
) -> None:
    """Writes one file; `fingerprint` says what it was made from, `cost` what that took.

    Raises:
        ValueError: If an image is missing or longer than `images.MAX_BYTES`.
    """
    schema = _SCHEMA.with_metadata({_FINGERPRINT: fingerprint, _COST: json.dumps(cost or {}).encode()})
    with atomic(file) as partial, pq.ParquetWriter(partial, schema, dictionary_pagesize_limit=_GROUP) as writer:
        # The chains of a problem have the same images: a dictionary this large keeps them once.
        for rows in _groups(examples):
            writer.write_table(pa.Table.from_pylist([row | {"split": split} for row in rows], schema=schema))


def read_steps(file: Path, image_root: Path | None = None) -> list[tuple[str, StepExample]]:
    """Reads what `write_steps` wrote: (split, example) of every row.

    Args:
        file: Parquet with the columns that `write_steps` gives; nobody need vouch for it.
        image_root: The folder that images named by their paths may come from; the file's own by default.

    Raises:
        ValueError: If the file is not such Parquet, a row makes no sense, or a path leads out of `image_root`.
    """
    import pyarrow.dataset as ds  # here, because it imports pandas

    root, seen = image_root or file.parent, dict[bytes, bytes]()
    try:
        batches = ds.dataset(str(file), schema=_SCHEMA, format="parquet").to_batches(batch_size=64)
        rows = list(chain.from_iterable(_plain(batch, seen) for batch in batches))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{file} cannot be read as steps ({error}); annotate again, or remove it.") from error
    examples = []
    for number, row in enumerate(rows):
        try:
            examples.append((row["split"], _example(row, root)))
        except ValueError as error:
            raise ValueError(f"{file}, row {number}: {error}") from error
    return examples


def is_ours(file: Path) -> bool:
    """Whether a file has our columns; one that cannot be read is taken for ours, so that reading it says what it is."""
    if file.suffix != ".parquet":
        return False
    try:
        return {"split", "completions", "truth"} <= set(pq.read_schema(file).names) or _FINGERPRINT in (
            pq.read_schema(file).metadata or {}
        )
    except (pa.ArrowException, OSError):
        return True


def label_figures(folder: Path) -> dict[str, float]:
    """How many steps of training problems are labelled, their mean label (none is NaN), and what all labels took."""
    import pyarrow.dataset as ds

    files = [str(file) for file in sorted(folder.glob("*.parquet"))]
    train = pc.field("split") == "train"
    table = ds.dataset(files, schema=_SCHEMA, format="parquet").to_table(columns=["labels"], filter=train)
    labels = pc.list_flatten(table["labels"])
    cost: Counter[str] = Counter()
    for file in files:
        cost.update(json.loads((pq.read_schema(file).metadata or {}).get(_COST, b"{}")))
    return {"steps": len(labels), "mean_label": float(pc.mean(labels).as_py() or 0.0), **cost}


def read_fingerprint(file: Path) -> bytes | None:
    """What a file was made from."""
    return (pq.read_schema(file).metadata or {}).get(_FINGERPRINT)


def _groups(examples: Sequence[StepExample]) -> Iterator[list[dict[str, Any]]]:
    """Rows in portions: an Arrow array cannot hold more than 2 GiB of images."""
    rows: list[dict[str, Any]] = []
    size = 0
    for example in examples:
        rows.append(_row(example))
        size += sum(len(image["bytes"]) for image in rows[-1]["images"])
        if size >= _GROUP:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _row(example: StepExample) -> dict[str, Any]:
    problem = example.problem
    return {
        "id": problem.id,
        "prompt": problem.question,
        "completions": example.steps,
        "labels": example.labels,
        "truth": example.truth,
        "draws": example.draws,
        "choices": list(problem.choices),
        "answer": problem.answer,
        "images": [{"bytes": image_bytes(image), "path": None} for image in problem.images],
        "system": problem.system,
        "template": problem.prompt,
    }


def _plain(batch: pa.RecordBatch, seen: dict[bytes, bytes]) -> list[dict[str, Any]]:
    """The rows of a batch; equal images become one object, however many chains have them."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    for image in (image for row in rows for image in row["images"] or [] if image and image["bytes"]):
        image["bytes"] = seen.setdefault(image["bytes"], image["bytes"])
    return rows


def _example(row: dict[str, Any], root: Path) -> StepExample:
    _check(row)
    problem = Problem(
        id=row["id"],
        question=row["prompt"],
        images=tuple(_image(image or {}, root) for image in row["images"] or []),
        answer=row["answer"],
        choices=tuple(row["choices"] or []),
        system=row["system"],
        prompt=row["template"],
    )
    return StepExample(problem, row["completions"], row["labels"], truth=row["truth"], draws=row["draws"])


def _image(image: dict[str, Any], root: Path) -> str | bytes:
    if image.get("bytes") is not None:
        return image_bytes(image["bytes"])
    if image.get("path") is None:
        raise ValueError("an image has neither bytes nor a path; give it one.")
    return image_inside(root, image["path"], "StepwiseDataModule.image_root")


def _check(row: dict[str, Any]) -> None:
    """Refuses a row that would fail in mid-training, or be learned from silently.

    Raises:
        ValueError: With the column, its value and what it must be.
    """
    steps, labels, truth, draws = row["completions"] or [], row["labels"] or [], row["truth"], row["draws"]
    known = truth is None or (len(truth) == len(steps) and None not in truth)
    counted = draws is None or (len(draws) == len(steps) and all(n is not None and n >= 0 for n in draws))
    drawn = draws if draws and counted else [1] * len(labels)
    # NaN stands for a step that nobody has measured, which has no draws.
    fits = len(labels) == len(steps) and all(_fits(label, n) for label, n in zip(labels, drawn, strict=True))
    for name, ok, wanted in (
        ("split", row["split"] in _SPLITS, f"one of {', '.join(_SPLITS)}"),
        ("id", row["id"] is not None, "a text"),
        ("prompt", row["prompt"] is not None, "a text"),
        ("completions", steps and None not in steps, "a list of one or more texts"),
        ("labels", fits, "as many numbers in [0, 1] as there are completions"),
        ("truth", known, "null, or as many truth values as there are completions"),
        ("draws", counted, "null, or as many numbers of 0 or more as there are completions"),
        ("choices", None not in (row["choices"] or []), "a list of texts"),
    ):
        if not ok:
            raise ValueError(f"column {name!r} is {row[name]!r}; it must be {wanted}.")


def _fits(label: float | None, draws: int) -> bool:
    return label is not None and (0 <= label <= 1 or (math.isnan(label) and draws == 0))
