"""DataModules and the sources they take problems from.

To be read in this order: `source` (what a source of problems is), `jsonl` with `rows` (its fields) and `digits` (two
of them), `base` (what the policy's DataModules share) with `image_check`, `prompt_check` and `left_out` (what cannot be
used), `supervised` with `checks`, `self_evolving` (the iteration) with `interval` (which problems), `rank_sampling`
(drawn by whom), `hint` (asked how), `fingerprint` (known again by what) and `marking` (anew, after references have
changed), `stepwise` (for the PRM), `loaders`.
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
