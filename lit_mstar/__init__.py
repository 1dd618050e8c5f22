"""lit-mstar: a vision-language model learns to reason from its own correct answers.

One Lightning epoch is one M-STaR iteration. The promised names are importable from here; they are loaded when they
are first used, so that `import lit_mstar` (and `lit-mstar --help`) needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_mstar.backbone import Backbone
    from lit_mstar.hooks import EvolutionCallback
    from lit_mstar.policy import PolicyModule
    from lit_mstar.prm import ProcessRewardModule
    from lit_mstar.prm_refresh import PRMRefresh
    from lit_mstar.rollouts import Iteration, Problem, Response, Rollout
    from lit_mstar.step_annotator import StepAnnotator
    from lit_mstar.tiny import TinyBackbone

_HOMES = {
    "Backbone": "backbone",
    "EvolutionCallback": "hooks",
    "Iteration": "rollouts",
    "PRMRefresh": "prm_refresh",
    "PolicyModule": "policy",
    "Problem": "rollouts",
    "ProcessRewardModule": "prm",
    "Response": "rollouts",
    "Rollout": "rollouts",
    "StepAnnotator": "step_annotator",
    "TinyBackbone": "tiny",
}

__all__ = [
    "Backbone",
    "EvolutionCallback",
    "Iteration",
    "PRMRefresh",
    "PolicyModule",
    "Problem",
    "ProcessRewardModule",
    "Response",
    "Rollout",
    "StepAnnotator",
    "TinyBackbone",
]

try:
    __version__ = version("lit-mstar")
except PackageNotFoundError:  # imported from a source tree that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lit_mstar' has no attribute {name!r}")
    return getattr(import_module(f"lit_mstar.{_HOMES[name]}"), name)
