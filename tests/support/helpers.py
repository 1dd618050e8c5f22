"""Things to build tests from."""

from __future__ import annotations

import io
import socket

from PIL import Image

from lit_mstar import TinyBackbone

CORPUS = [
    "What is the sum of the two digits?",
    "Step 1: The first digit is 3.\nStep 2: The second digit is 4.\nStep 3: 3 + 4 = 7.\nAnswer: 7",
] * 2


def make_tiny_backbone(**sizes: int) -> TinyBackbone:
    """A backbone of a few thousand weights."""
    small = {"hidden_size": 32, "num_layers": 2, "num_heads": 1, "intermediate_size": 64, "vision_size": 32}
    return TinyBackbone(corpus=CORPUS, **(small | {"vision_layers": 1} | sizes))


def png(width: int = 8, height: int = 8, color: tuple[int, int, int] = (255, 0, 0)) -> bytes:
    """A one-coloured PNG file."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, format="PNG")
    return buffer.getvalue()


def free_port() -> int:
    """A port that nobody uses yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
