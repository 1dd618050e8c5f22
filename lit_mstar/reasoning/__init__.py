"""From a text to its steps, its answer, and whether that is right.

To be read in this order: `marking` (all of it, for a rollout), `steps`, `answers` (find one, compare two), `symbolic`
(where comparing takes mathematics), `voting` (what the responses agree on).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
