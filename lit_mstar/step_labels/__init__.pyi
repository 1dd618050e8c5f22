from .annotator import StepAnnotator as StepAnnotator
from .monte_carlo import label_steps as label_steps
from .refresh import PRMRefresh as PRMRefresh
