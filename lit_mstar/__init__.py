"""lit-mstar: a vision-language model learns to reason from its own correct answers.

One Lightning epoch is one M-STaR iteration. The promised names are importable from here; they are loaded when they
are first used, so that `import lit_mstar` (and `lit-mstar --help`) needs no torch.

The rooms, from the ground up: `rollouts`, then `equality`, then `reasoning`, `models` and `hooks`, then `rewards`,
`samplers` and `training`, then `scorers`, `modules`, `step_labels`, `commands` and `studies`; `data` and `callbacks`
are built on them.
"""

from typing import Any

from lazy_loader import attach_stub

_attached, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`


def __getattr__(name: str) -> Any:
    if name != "__version__":
        return _attached(name)
    from importlib.metadata import PackageNotFoundError, version  # slow enough to be seen in `lit-mstar --help`

    try:
        return version("lit-mstar")
    except PackageNotFoundError:  # imported from a source tree that was never installed
        return "0+unknown"
