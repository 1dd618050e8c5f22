"""DataModules and the sources they take problems from."""

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
