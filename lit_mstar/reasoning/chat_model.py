"""A language model behind an OpenAI-compatible URL, asked one question at a time."""

from __future__ import annotations

import re
from pathlib import Path

import httpx


class ChatModel:
    """Asks a server.

    Args:
        url: The server's base, as `http://127.0.0.1:8000/v1`.
        model: The name under which it serves the model.
        token_file: A file with the token that the server wants.
        timeout: Seconds that one reply may take.
    """

    def __init__(self, url: str, model: str, token_file: Path | None = None, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.token_file = token_file
        self.timeout = timeout

    def reply(self, text: str, max_tokens: int) -> str:
        """The greedy reply.

        Raises:
            ValueError: If the server gives none.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        try:
            reply = httpx.post(f"{self.url}/chat/completions", json=body, headers=self.headers, timeout=self.timeout)
            return str(reply.raise_for_status().json()["choices"][0]["message"]["content"])
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise ValueError(f"{self.url} gave no reply ({error})") from error

    @property
    def headers(self) -> dict[str, str]:
        """With the token, where there is one."""
        return {"Authorization": f"Bearer {self.token_file.read_text().strip()}"} if self.token_file else {}

    @staticmethod
    def filled(template: str, **parts: str) -> str:
        """The template with its places filled in together: braces in what is filled in mean nothing."""
        places = {f"{{{name}}}": value for name, value in parts.items()}
        return re.sub("|".join(map(re.escape, places)), lambda match: places[match[0]], template)
