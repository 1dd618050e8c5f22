"""In which group of a logger's page a measure of an iteration stands."""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS = {
    "accuracy": ("greedy_accuracy", "pass_at_k", "gap", "share_correct"),
    "exploration": ("distinct", "mean_steps", "cut"),
    "reward": ("reward_pass_at_2", "share_kept", "faithful_correct", "faithful_kept"),
    "temperature": ("temperature", "next_temperature", "next_threshold"),
    "data": ("sampled", "correct", "kept", "unlabeled"),
}
_BY_NAME = {name: group for group, names in _GROUPS.items() for name in names}
_BY_BEGINNING = {"prm/": "reward", "band/": "data", "pseudo_": "data"}
_CURVE = "balance/"  # a value for each temperature: a figure, and no cards


def grouped(metrics: Mapping[str, float]) -> dict[str, float]:
    """An iteration's measures by the tags under which loggers get them.

    What is measured at other temperatures (`pass_at_k/T=0.7`) is exploration; a measure of a callback of one's own
    stands under `iteration/`. The curve of a temperature search is no scalar (`pictures.log_figure`).
    """
    return {tag(name): value for name, value in metrics.items() if not name.startswith(_CURVE)}


def tag(name: str) -> str:
    """The tag of one measure."""
    if "/T=" in name:
        return f"exploration/{name.replace('/T=', '/T')}"  # some loggers refuse "="
    for beginning, group in _BY_BEGINNING.items():
        if name.startswith(beginning):
            return f"{group}/{name.replace('/', '_')}"
    return f"{_BY_NAME.get(name, 'iteration')}/{name}"


def speed(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds by phase, by their tags."""
    return {f"speed/{phase}_seconds": took for phase, took in seconds.items()}
