"""What others have published, to stand beside our figures."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def published_rows() -> list[dict[str, Any]]:
    """Rows with `model`, `source`, `figures` (name to percent) and `differs` (what is not as here)."""
    text = files("lit_mstar.evaluation").joinpath("published.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
