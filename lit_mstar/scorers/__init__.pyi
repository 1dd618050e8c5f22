from .base import StepScorer as StepScorer
from .base import require_scores as require_scores
from .command import CommandScorer as CommandScorer
from .format import StepFormat as StepFormat
from .generative import GenerativeScorer as GenerativeScorer
from .token_class import TokenClassScorer as TokenClassScorer
from .token_pair import TokenPairScorer as TokenPairScorer
