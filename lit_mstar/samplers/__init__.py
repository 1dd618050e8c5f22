"""Inference engines behind one seam: `load_policy`, `sample`, `rest`, `close`."""

from lit_mstar.rollouts import SamplingParams
from lit_mstar.samplers.base import Policy, Sampler
from lit_mstar.samplers.transformers import TransformersSampler
from lit_mstar.samplers.vllm import VLLMSampler
from lit_mstar.samplers.vllm_server import VLLMServerSampler

__all__ = ["Policy", "Sampler", "SamplingParams", "TransformersSampler", "VLLMSampler", "VLLMServerSampler"]
