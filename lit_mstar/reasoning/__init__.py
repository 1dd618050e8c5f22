"""From a text to its steps, its answer, and whether that is right.

To be read in this order: `marking` (all of it, for a rollout), `format` (how a response is written), `steps`,
`extraction` (where its answer stands), `grader` (the seam to who says what is right), `rules` (ours, on `answers`, two
functions), `judges` (others, such as a `chat_model`), `voting` (what the responses agree on).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
