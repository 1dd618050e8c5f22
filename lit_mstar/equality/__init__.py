"""Whether two answers mean the same.

To be read in this order: `comparison` (what is tried, and in which order), `plain` (one spelling), `readings` (what may
be meant), then what an answer can be: `quantities` with `words` and `units`, `shapes` (ranges, dates, …), `parts`
(lists and equations), `expressions` (what `symbolic` mathematics may see), `choices` (an option).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
