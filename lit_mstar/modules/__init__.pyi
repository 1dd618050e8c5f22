from .base import BackboneModule as BackboneModule
from .benchmark import BenchmarkModule as BenchmarkModule
from .policy import PolicyModule as PolicyModule
from .prm import ProcessRewardModule as ProcessRewardModule
from .ray_scorer import RayScorer as RayScorer
from .schedules import RunSchedule as RunSchedule
from .schedules import WarmupConstant as WarmupConstant
from .scorer_module import ScorerModule as ScorerModule
