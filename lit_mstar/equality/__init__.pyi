from .comparison import Comparison as Comparison
from .comparison import Verdict as Verdict
