"""The checks' outcomes as a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from models.zoo import ZOO
from models.zoo.checks import CHECKS

_SIGNS = {"passed": "✓", "failed": "✗", "skipped": "–", "known": "(1)"}


@dataclass(frozen=True)
class Outcome:
    """What became of a check.

    Args:
        kind: "passed", "failed", "skipped" or "known" to fail.
        reason: Why, where it is known.
    """

    kind: str
    reason: str = ""


def write_table(file: Path, outcomes: Mapping[tuple[str, str], Outcome]) -> None:
    """Writes the page; a check that did not run is a dash."""
    names = list(CHECKS)
    lines = [
        "# Backbones",
        "",
        "What `AutoModelForImageTextToText` loads should work. What was checked, by `nox -s models`, which writes this",
        "page: each architecture as a tiny random model with the classes, control tokens, EOS lists, padding side and",
        "templates' behaviour of the published checkpoints. Nothing was downloaded: no published weights were run.",
        "",
        f"| architecture | turn ends with | {' | '.join(names)} |",
        f"|{'---|' * (len(names) + 2)}",
    ]
    reasons: list[str] = []
    for name, tiny in ZOO.items():
        cells = []
        for check in names:
            outcome = outcomes.get((name, check), Outcome("skipped"))
            if outcome.kind == "known":
                if outcome.reason not in reasons:
                    reasons.append(outcome.reason)
                cells.append(f"({reasons.index(outcome.reason) + 1})")
            else:
                cells.append(_SIGNS[outcome.kind])
        end = tiny.end.replace("|", "\\|")
        lines.append(f"| {name} | `{end}` | {' | '.join(cells)} |")
    lines += [
        "",
        "✓ holds · ✗ fails · – not checked" + (" · (n) fails for a reason outside this library:" if reasons else ""),
    ]
    lines += ["", *(f"{i}. {reason}" for i, reason in enumerate(reasons, start=1))] if reasons else []
    lines += ["", "What the columns mean:", ""]
    lines += [f"- **{check}**: {(CHECKS[check].__doc__ or '').partition(': ')[2].strip()}" for check in names]
    packages = ("torch", "torchvision", "transformers", "peft")
    versions = ", ".join(f"{package} {version(package).partition('+')[0]}" for package in packages)
    lines += ["", _NOTES.strip(), "", f"Last written with {versions}.", ""]
    file.write_text("\n".join(lines))


_NOTES = """
What is found out at run time, wherever model and processor say it themselves: where a turn ends (chat template,
tokenizer, `generation_config`), which control tokens a response may not contain, whether a prompt can be encoded once
for N responses (`encoding/sharing.py` computes both ways once and falls back by itself), which tensors grow with the
response. What is left is data in one table, `encoding/architectures.py`; most architectures need no row in it.

To add an architecture: a tiny model in `tests/models/zoo/`, and a row in that table if a check says so.

**Not in this table**: Phi-3.5-vision, MiniCPM-V 2.5 and InternVL2 in their original form, the paper's models. They are
not part of transformers and bring code of their own, which is run only with `trust_remote_code: true`; nothing of it
was run by us. `configs/paper/` has their recipes.
"""
