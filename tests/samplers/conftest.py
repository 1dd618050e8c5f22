"""What tests of engines share."""

from support.taught import policy, taught

__all__ = ["policy", "taught"]
