"""Inference engines behind one seam: `load_policy`, `sample`, `close`."""

from lit_mstar.rollouts import SamplingParams
from lit_mstar.samplers.base import Policy, Sampler
from lit_mstar.samplers.transformers import TransformersSampler

__all__ = ["Policy", "Sampler", "SamplingParams", "TransformersSampler"]
