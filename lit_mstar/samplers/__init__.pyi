from .base import Policy as Policy
from .base import Sampler as Sampler
from .base import SamplingParams as SamplingParams
from .chat_server import ChatServerSampler as ChatServerSampler
from .ray import RaySampler as RaySampler
from .transformers import TransformersSampler as TransformersSampler
from .vllm import VLLMSampler as VLLMSampler
from .vllm_server import VLLMServerSampler as VLLMServerSampler
