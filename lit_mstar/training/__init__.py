"""A run that survives, on any number of processes.

To be read in this order: `trainer` (Lightning's, and what it is made of), `callback_checks` (what would do nothing),
`signals` (SIGTERM), `preemption` (a checkpoint in mid-epoch), `resume` (where a run goes on), `peers` (ranks that die),
`watch` (progress, disk space), `division` (work over ranks), `randomness` (random states).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
