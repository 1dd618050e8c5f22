"""Memory of this process, for ours and for a peer's alike."""

import gc
import resource
from pathlib import Path


def resident() -> int:
    """Bytes of memory that this process holds now, without what only waits to be collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
