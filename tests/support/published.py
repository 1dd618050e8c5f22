"""Small files in exactly the formats in which data sets and benchmarks are published; all their rows are made up."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from support.helpers import png


def picture(number: int) -> bytes:
    """A PNG unlike that of any other number."""
    return png(color=(number * 37 % 256, number * 91 % 256, number % 256))


def struct(number: int, path: str | None = None) -> dict[str, Any]:
    return {"bytes": picture(number), "path": path}


def parquet(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def tsv(file: Path, rows: list[dict[str, Any]]) -> Path:
    """As pandas writes it: quoted where needed, NaN as nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))

    def cell(value: Any) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '\t\n"') else text

    lines = ["\t".join(names), *("\t".join(cell(row.get(name)) for name in names) for row in rows)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def mathvista(folder: Path, problems: list[dict[str, Any]]) -> Path:
    """`data/testmini-….parquet`; problems say what differs from a free-form integer."""
    rows = []
    for number, own in enumerate(problems):
        several = own.get("choices") is not None
        row = {
            "pid": str(number + 1),
            "question": "How many?",
            "image": f"images/{number + 1}.jpg",
            "decoded_image": struct(number),
            "choices": None,
            "unit": None,
            "precision": None,
            "answer": "3",
            "question_type": "multi_choice" if several else "free_form",
            "answer_type": "text" if several else "integer",
            "metadata": {
                "category": "math-targeted-vqa",
                "context": "synthetic scene",
                "grade": "daily life",
                "img_height": 8,
                "img_width": 8,
                "language": "english",
                "skills": ["arithmetic reasoning"],
                "source": "CLEVR-Math",
                "split": "testmini",
                "task": ["figure question answering", "math word problem"][number % 2],
            },
        } | own
        row["query"] = f"Hint: Please answer.\nQuestion: {row['question']}"
        rows.append(row)
    return parquet(folder / "data" / "testmini-00000-of-00001-72.parquet", rows).parent.parent


def m3cot(folder: Path, problems: list[dict[str, Any]], split: str = "test") -> Path:
    rows = [
        {
            "id": f"{split}-{number}",
            "category": "grade-8",
            "image_id": f"{split}-{number}",
            "question": "Which one?",
            "choices": ["red", "blue", "green"],
            "context": "",
            "answer": "A",
            "rationale": "It is red.",
            "split": split,
            "image": struct(number),
            "domain": ["science", "mathematics"][number % 2],
            "topic": "natural-science",
        }
        | own
        for number, own in enumerate(problems)
    ]
    return parquet(folder / "data" / f"{split}-00000-of-00001.parquet", rows).parent.parent


def mmstar(folder: Path, problems: list[dict[str, Any]]) -> Path:
    categories = ["coarse perception", "fine-grained perception", "instance reasoning", "logical reasoning"]
    rows = [
        {
            "index": number,
            "question": "Which one?\nOptions: A: red, B: blue, C: green, D: grey",
            "image": picture(number),
            "answer": "A",
            "category": categories[number % 4],
            "l2_category": "single",
            "meta_info": {"source": "made", "split": "val", "image_path": f"images/{number}.jpg"},
        }
        | own
        for number, own in enumerate(problems)
    ]
    return parquet(folder / "mmstar.parquet", rows).parent


def mmbench(folder: Path, problems: list[dict[str, Any]], rotations: int = 1) -> Path:
    """Each question with its rotations; only the first of a question's rows has the image."""
    kinds = ["logic_reasoning", "relation_reasoning", "coarse_perception"]
    rows = []
    for turn in range(rotations):
        for number, own in enumerate(problems):
            options = own.get("options", ["red", "blue", "green"])
            right = "ABCD".index(own.get("answer", "A"))
            turned = options[turn:] + options[:turn]
            letters = {letter: turned[i] if i < len(turned) else None for i, letter in enumerate("ABCD")}
            rows.append(
                {
                    "index": number + turn * 1_000_000,
                    "question": own.get("question", f"Which colour is number {number}?"),
                    "hint": own.get("hint"),
                    **letters,
                    "answer": "ABCD"[(right - turn) % len(options)],
                    "category": "social_relation",
                    "image": str(number) if turn else base64.b64encode(picture(number)).decode(),
                    "l2-category": kinds[number % 3],
                    "split": "dev",
                }
            )
    return tsv(folder / "MMBench_DEV_EN_V11.tsv", rows).parent


def ai2d(folder: Path, problems: list[dict[str, Any]]) -> Path:
    """Two questions share a diagram."""
    rows = [
        {
            "question": f"What does number {number} show?",
            "options": ["leaf", "root", "stem", "seed"],
            "answer": "0",
            "image": struct(number // 2),
        }
        | own
        for number, own in enumerate(problems)
    ]
    return parquet(folder / "data" / "test-00000-of-00001.parquet", rows).parent.parent


def geometry3k(folder: Path, problems: list[dict[str, Any]], split: str = "test") -> Path:
    rows = [
        {"images": [struct(number)], "problem": "<image>Find x.", "answer": "7"} | own
        for number, own in enumerate(problems)
    ]
    return parquet(folder / "data" / f"{split}-00000-of-00001.parquet", rows).parent.parent


def mathv360k(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """`train_samples_all_tuning.json`; images are written where rows name them."""
    for number, row in enumerate(rows):
        file = folder / "data_images" / row["image"]
        if not row.pop("missing", False):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(row.pop("bytes", None) or picture(number))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rows, ensure_ascii=False)
    (folder / "train_samples_all_tuning.json").write_text(text, encoding="utf-8")
    return folder


def turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
