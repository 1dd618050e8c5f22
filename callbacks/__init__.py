"""What happens to rollouts, and what an iteration is trained from: one decision a file, built on callbacks' hooks.

To be read in this order: `correct_filter` and `prm_filter` (which responses to learn from), `unlabeled_problems`
(problems without answers), `difficulty_band` (problems that are too easy or too hard), `temperature_balancer`,
`starting_weights` and `optimizer_state` (what an iteration starts from), then what only looks: `training_dynamics`,
`prm_verifier`, `sample_table`, `prediction_writer`, `benchmark_report`, and `collapse_guard`.
"""

from lit_mstar.callbacks.benchmark_report import BenchmarkReport
from lit_mstar.callbacks.collapse_guard import CollapseGuard
from lit_mstar.callbacks.correct_filter import CorrectFilter
from lit_mstar.callbacks.difficulty_band import DifficultyBand
from lit_mstar.callbacks.optimizer_state import OptimizerState
from lit_mstar.callbacks.prediction_writer import PredictionWriter
from lit_mstar.callbacks.prm_filter import PRMFilter
from lit_mstar.callbacks.prm_verifier import PRMVerifier
from lit_mstar.callbacks.sample_table import SampleTable
from lit_mstar.callbacks.starting_weights import StartingWeights
from lit_mstar.callbacks.temperature_balancer import TemperatureBalancer
from lit_mstar.callbacks.training_dynamics import TrainingDynamics
from lit_mstar.callbacks.unlabeled_problems import UnlabeledProblems

__all__ = [
    "BenchmarkReport",
    "CollapseGuard",
    "CorrectFilter",
    "DifficultyBand",
    "OptimizerState",
    "PredictionWriter",
    "PRMFilter",
    "PRMVerifier",
    "SampleTable",
    "StartingWeights",
    "TemperatureBalancer",
    "TrainingDynamics",
    "UnlabeledProblems",
]
