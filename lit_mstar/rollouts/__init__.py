"""Problems, responses, iterations, and how they lie on disk.

To be read in this order: `waves` (how many responses a problem takes), `nouns` (what all rooms speak of), `options`
(letters and texts of choices), `placeholders` (where images belong in a text), `images` (opening what data files name),
`identity` (which problem is the same), `ledger` (where every rollout is kept), `parquet` (its columns), `stored` (one
chunk of it in memory), `tensors` (rollouts for metrics).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
