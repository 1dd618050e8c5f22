from .backbone import Backbone as Backbone
from .sharding import FSDP2Strategy as FSDP2Strategy
from .sharding import Sharding as Sharding
from .tiny import TinyBackbone as TinyBackbone
