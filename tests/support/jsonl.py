"""JSON Lines files of problems, written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lit_mstar import Problem
from lit_mstar.data import JsonlSource

GOOD = {"question": "How many?", "answer": "7"}
SEED = GOOD | {"reasoning": "Step 1: Count.\nAnswer: 7"}


def write(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    file = folder / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def read(file: Path, split: str = "train", **options: Any) -> list[Problem]:
    return JsonlSource(**{split: file}, **options).problems(split)
