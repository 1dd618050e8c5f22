"""A vision-language model and its tensors.

To be read in this order: `backbone` (model and processor) with `origin` (where they are),
`processors` (a model's), `adapters` (LoRA on them),
`vision` (their tower), `quantization` and `architectures` (the table of what few models need); `tiny` (one built on the
spot); `control_tokens` (and texts that spell them), `turn_end` (where a turn ends), `user_turn` (what a prompt says),
`encoding` (problems to tensors), `appending` (and responses behind them), `step_encoding` (chains of steps to tensors);
`prompt_cache` (one prompt for N responses), `sharing` (whether a model can do that) by `probes` (fixed problems); then
the weights: `loading` (into a model, unit by unit), `sharding` (divided over ranks), `weights` (out of it again).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
