"""Problems and chains of steps as a model's tensors, and a prompt that is encoded once for N responses.

To be read in this order: `encoder` (problems to tensors), `user_turn` (what a prompt says), `control_tokens` (and texts
that spell them), `turn_end` (where a turn ends), `prompt_memory` (what was processed is kept), `appending` (responses
behind prompts), `step_encoding` (chains of steps), `architectures` (the table of what few models need); `prompt_cache`
(one prompt for N responses), `rows` (rows that join and leave, whose keys and values lie in `growing` layers),
`shared_rows` (responses that are learned in one row), `sharing` (whether a model can do that) by `probes` (fixed
problems); `seen` (an image as pictures for people).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
