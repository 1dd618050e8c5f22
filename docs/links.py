"""For mkdocs: what a page says of files outside `docs/` leads to the repository."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Called by mkdocs with every page."""
    return re.sub(r"\]\(\.\./(?!\.)([^)]+)\)", rf"]({config.repo_url}/blob/main/\1)", markdown)
