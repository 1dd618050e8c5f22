from .annotator import StepAnnotator as StepAnnotator
from .drawing import Drawing as Drawing
from .monte_carlo import Labeller as Labeller
from .monte_carlo import label_steps as label_steps
from .refresh import PRMRefresh as PRMRefresh
