"""The six charts that matter first, under TensorBoard's "custom scalars"."""

from __future__ import annotations

from collections.abc import Iterable

from lightning.pytorch.loggers import Logger, TensorBoardLogger

LAYOUT = {
    "M-STaR": {
        "accuracy: what greedy answers lack to Pass@K is left to find": [
            "Multiline",
            ["accuracy/greedy_accuracy", "accuracy/pass_at_k"],
        ],
        "exploration: distinct texts": ["Multiline", ["exploration/distinct"]],
        "reward: Reward-Pass@2, and truth of what is kept": [
            "Multiline",
            ["reward/reward_pass_at_2", "reward/faithful_kept", "reward/faithful_correct"],
        ],
        "temperature": ["Multiline", ["temperature/temperature"]],
        "data: right and kept": ["Multiline", ["data/sampled", "data/correct", "data/kept"]],
        "speed: seconds by phase": ["Multiline", [r"speed/.*_seconds"]],
    }
}


def lay_out(loggers: Iterable[Logger]) -> None:
    """Tells TensorBoard how to put the charts together; other loggers have no such thing."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_custom_scalars(LAYOUT)
