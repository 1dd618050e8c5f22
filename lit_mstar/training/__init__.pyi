from .trainer import MStarTrainer as MStarTrainer
