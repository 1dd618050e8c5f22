"""DataModules and the sources they take problems from.

To be read in this order: the room `sources`, `base` (what the policy's DataModules share) with `image_check`,
`prompt_check` and `left_out` (what cannot be used), `supervised` with `checks`, `self_evolving` (the iteration) with
`interval` (which problems), `rank_sampling` (drawn by whom), `shares` (worked on by whom), `hint` (asked how),
`fingerprint` (known again by what), `marking` (anew, after references have changed) and `harvest` (what is learned),
`stepwise` (for the PRM), `truth_scorer` (a perfect one), `loaders` and `shared_prompts` (responses in a row with their
prompt); then the rooms `published` (data sets and benchmarks), `benchmarks` (asked and kept), `step_benchmarks` (scored
and kept), and `inspection` (looked at before a run).
"""

from lit_mstar.data.base import ProblemDataModule
from lit_mstar.data.benchmarks import Benchmark, BenchmarkDataModule
from lit_mstar.data.published import (
    AI2DSource,
    Geometry3KSource,
    M3CoTSource,
    MathV360KSource,
    MathVistaSource,
    MMBenchSource,
    MMStarSource,
    ViRL39KSource,
)
from lit_mstar.data.self_evolving import SelfEvolvingDataModule
from lit_mstar.data.sources import (
    Columns,
    DigitsSource,
    HFSource,
    JsonlSource,
    MixtureSource,
    ParquetSource,
    ProblemSource,
    RowSource,
    ShareGPTSource,
    Split,
    SplitSource,
    TableSource,
    TsvSource,
)
from lit_mstar.data.step_benchmarks import StepBenchmark, StepBenchmarkDataModule
from lit_mstar.data.stepwise import StepwiseDataModule
from lit_mstar.data.supervised import SupervisedDataModule
from lit_mstar.data.truth_scorer import TruthScorer

__all__ = [
    "AI2DSource",
    "Benchmark",
    "BenchmarkDataModule",
    "Columns",
    "DigitsSource",
    "Geometry3KSource",
    "HFSource",
    "JsonlSource",
    "M3CoTSource",
    "MMBenchSource",
    "MMStarSource",
    "MathV360KSource",
    "MathVistaSource",
    "MixtureSource",
    "ParquetSource",
    "ProblemDataModule",
    "ProblemSource",
    "RowSource",
    "SelfEvolvingDataModule",
    "ShareGPTSource",
    "Split",
    "SplitSource",
    "StepBenchmark",
    "StepBenchmarkDataModule",
    "StepwiseDataModule",
    "SupervisedDataModule",
    "TableSource",
    "TruthScorer",
    "TsvSource",
    "ViRL39KSource",
]
