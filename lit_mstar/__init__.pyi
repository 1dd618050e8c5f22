from .hooks import EvolutionCallback as EvolutionCallback
from .models.backbone import Backbone as Backbone
from .models.tiny import TinyBackbone as TinyBackbone
from .modules.policy import PolicyModule as PolicyModule
from .modules.prm import ProcessRewardModule as ProcessRewardModule
from .rollouts.nouns import Iteration as Iteration
from .rollouts.nouns import Problem as Problem
from .rollouts.nouns import Response as Response
from .rollouts.nouns import Rollout as Rollout
from .step_labels.annotator import StepAnnotator as StepAnnotator
from .step_labels.refresh import PRMRefresh as PRMRefresh

__version__: str
