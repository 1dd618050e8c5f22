"""A vision-language model and its tensors.

To be read in this order: `backbone` (model and processor), `tiny` (one built on the spot), `control_tokens`
(and texts that spell them), `user_turn` (what a prompt says), `encoding` (problems to tensors), `step_encoding` (chains
of steps to tensors), `prompt_cache` (one prompt for N responses), then the weights: `loading` (into a model, unit by
unit), `sharding` (divided over ranks), `weights` (out of it again).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
