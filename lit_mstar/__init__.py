"""lit-mstar: a vision-language model learns to reason from its own correct answers.

One Lightning epoch is one M-STaR iteration. The promised names are importable from here; they are loaded when they
are first used, so that `import lit_mstar` (and `lit-mstar --help`) needs no torch.

The rooms, from the ground up: `rollouts`, then `equality`, then `reasoning`, `models` and `hooks`, then `rewards`,
`samplers` and `training`, then `modules`, `step_labels`, `commands` and `studies`; `data` and `callbacks` are
built on them.
"""

from importlib.metadata import PackageNotFoundError, version

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`

try:
    __version__ = version("lit-mstar")
except PackageNotFoundError:  # imported from a source tree that was never installed
    __version__ = "0+unknown"
