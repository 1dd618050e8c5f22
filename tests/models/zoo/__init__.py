"""Tiny random models of many architectures: the same classes, control tokens and templates' behaviour as published.

A file a family, a function an architecture; `ZOO` has them by name. Templates are written anew.
"""

from models.zoo import aya, gemma, glm, idefics, internvl, llava, minicpm, mistral, mllama, paligemma, qwen
from models.zoo.tiny import Tiny

_FAMILIES = (idefics, qwen, glm, minicpm, internvl, llava, gemma, mistral, paligemma, mllama, aya)
ZOO: dict[str, Tiny] = {tiny.name: tiny for family in _FAMILIES for tiny in family.MODELS}
