"""A vision-language model: where it comes from, what is put on it, and its weights.

To be read in this order: `backbone` (model and processor) with `origin` (where they are), `processors` (a model's) with
`text_only`, `adapters` (LoRA on them) with `wrapped` (whether there are any), `vision` (their tower) and
`quantization`; `tiny` (one built on the spot); then the weights: `loading` (into a model, unit by unit), `sharding`
(divided over ranks), `weights` (out of it again).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
