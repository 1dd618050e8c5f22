"""Data sets and benchmarks as they are published, a small file each.

To be read in this order: `published_source` (what they have in common), the benchmarks `mathvista`, `m3cot`, `mmstar`,
`mmbench`, `ai2d`, `geometry3k`, then training sets that come whole: `divided_source`, `mathv360k`,
`virl39k`.
"""

from lit_mstar.data.published.ai2d import AI2DSource
from lit_mstar.data.published.geometry3k import Geometry3KSource
from lit_mstar.data.published.m3cot import M3CoTSource
from lit_mstar.data.published.mathv360k import MathV360KSource
from lit_mstar.data.published.mathvista import MathVistaSource
from lit_mstar.data.published.mmbench import MMBenchSource
from lit_mstar.data.published.mmstar import MMStarSource
from lit_mstar.data.published.virl39k import ViRL39KSource

__all__ = [
    "AI2DSource",
    "Geometry3KSource",
    "M3CoTSource",
    "MMBenchSource",
    "MMStarSource",
    "MathV360KSource",
    "MathVistaSource",
    "ViRL39KSource",
]
