from .ledger import Ledger as Ledger
from .nouns import Iteration as Iteration
from .nouns import Judge as Judge
from .nouns import Problem as Problem
from .nouns import Response as Response
from .nouns import Rollout as Rollout
from .nouns import SamplingParams as SamplingParams
from .stored import StoredRollouts as StoredRollouts
