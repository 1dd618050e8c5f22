from .encoder import Encoder as Encoder
