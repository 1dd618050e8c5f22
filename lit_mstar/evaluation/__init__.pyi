from .asked_extractor import AskedExtractor as AskedExtractor
from .rules import M3CoTGrader as M3CoTGrader
from .rules import MathVistaGrader as MathVistaGrader
from .rules import MMStarGrader as MMStarGrader
from .rules import OfficialGrader as OfficialGrader
from .rules import OptionGrader as OptionGrader
from .scoring import Scoring as Scoring
