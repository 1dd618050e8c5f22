from .answers import answers_match as answers_match
from .answers import extract_answer as extract_answer
from .marking import ReasoningFormat as ReasoningFormat
from .steps import split_steps as split_steps
from .steps import step_prefixes as step_prefixes
from .voting import vote as vote
