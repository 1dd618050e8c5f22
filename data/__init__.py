"""DataModules and the sources they take problems from.

To be read in this order: `source` (what a source of problems is), `jsonl` and `digits` (two of them), `base` (what the
policy's DataModules share), `supervised`, `self_evolving` (the iteration) with `interval` (which problems),
`rank_sampling` (drawn by whom), `hint` (asked how) and `fingerprint` (known again by what), `stepwise` (for the PRM),
`loaders`.
"""

from lit_mstar.data.base import ProblemDataModule
from lit_mstar.data.digits import DigitsSource
from lit_mstar.data.jsonl import JsonlSource
from lit_mstar.data.self_evolving import SelfEvolvingDataModule
from lit_mstar.data.source import ProblemSource, Split
from lit_mstar.data.stepwise import StepwiseDataModule
from lit_mstar.data.supervised import SupervisedDataModule

__all__ = [
    "DigitsSource",
    "JsonlSource",
    "ProblemDataModule",
    "ProblemSource",
    "SelfEvolvingDataModule",
    "Split",
    "StepwiseDataModule",
    "SupervisedDataModule",
]
