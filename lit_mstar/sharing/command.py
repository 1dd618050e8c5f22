"""`lit-mstar export`: a policy, a reward model or labelled steps as a folder that others can use."""

from __future__ import annotations

from pathlib import Path

from transformers.utils.logging import disable_progress_bar

from lit_mstar.files import atomic
from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of
from lit_mstar.sharing.cards import write_card
from lit_mstar.sharing.exported import Exported, find_exported
from lit_mstar.sharing.policy import write_policy
from lit_mstar.sharing.prm import write_prm
from lit_mstar.sharing.steps import write_steps_set
from lit_mstar.terminal.output import filtered_output


def main(args: list[str]) -> None:
    """Parses the command line of `lit-mstar export`."""
    options = parser_of("export").parse_args(args)
    search_here()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    found = find_exported(options.run, options.what)
    with filtered_output("normal"):
        print(export(found, options.out, options.merge))


def export(found: Exported, out: Path, merge: bool = False) -> str:
    """Writes the folder, whole or not at all; returns what was written, in a line.

    Args:
        found: What is handed on.
        out: The folder, which must not be there.
        merge: Add a policy's adapter to its base's weights.

    Raises:
        ValueError: If `out` is there.
    """
    if out.exists():
        raise ValueError(f"{out} exists; give another --out.")
    with atomic(out) as partial:
        partial.mkdir(parents=True)
        said = _written(found, partial, out, merge)
    return f"{out}: {said}"


def _written(found: Exported, partial: Path, out: Path, merge: bool) -> str:
    if found.kind == "steps":
        counts = write_steps_set(found.folder, partial)
        write_card(found, partial, out.name, counts=counts)
        return f"{sum(counts.values()):,} chains of {found.folder}, in our columns and in TRL's"
    if found.kind == "prm":
        write_card(found, partial, out.name, **write_prm(found.folder, partial))
        return f"the reward model of {found.folder}; its README has the lines that score with it"
    about = write_policy(found.folder, partial, merge)
    write_card(found, partial, out.name, **about)
    if (base := about["base"]) is None:
        return f"the model of {found.folder}, whole"
    local = (
        "; that is a folder of this machine: --merge makes one that needs nothing else" if Path(base).exists() else ""
    )
    return f"the adapter of {found.folder}, on {base}{local}"
