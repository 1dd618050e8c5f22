"""Tiny random models of many architectures: the same classes, control tokens and templates' behaviour as published.

A file a family, a function an architecture; `ZOO` has them by name. Templates are written anew.
"""

from models.zoo import gemma, llava, qwen
from models.zoo.tiny import Tiny

ZOO: dict[str, Tiny] = {tiny.name: tiny for family in (qwen, gemma, llava) for tiny in family.MODELS}
