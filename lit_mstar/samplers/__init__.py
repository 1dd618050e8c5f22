"""The seam to inference engines: `load_policy`, `sample`, `rest`, `close`.

To be read in this order: `base` (the seam), `transformers` (the embedded engine), which goes by `decoding`, with
`drawing` (from logits to tokens) and `drafts` (guesses), or by `generating`; `engine` (what engines with a copy of the
weights share), `request` (what they are asked and answer), `parity` (their check), `vllm` with `vllm_requests` and
`launch` (beside the trainer), `vllm_server` with `server` (servers that others run), `ray` with `replica` (any engine,
in actors of a cluster), `chat_server` (whatever others serve, to be measured).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
