"""Uses an installed package as a stranger would: a recipe in miniature, its page, its model; not a test by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.recipes import write_miniature


def main() -> None:
    """Ends with an error where a command does."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_miniature(folder / "miniature")
        for words in (
            ["run", str(recipe), "--out", "run"],
            ["report", "run"],
            ["export", "run", "--out", "model"],
            ["init", "--help"],
        ):
            subprocess.run([str(Path(sys.executable).with_name("lit-mstar")), *words], cwd=folder, check=True)
        assert (folder / "run" / "report.html").stat().st_size > 100_000


if __name__ == "__main__":
    main()
