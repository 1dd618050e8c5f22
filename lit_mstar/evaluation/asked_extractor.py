"""The final answer of a response, as a language model finds it."""

from __future__ import annotations

import warnings
from pathlib import Path

from lit_mstar.reasoning.chat_model import ChatModel
from lit_mstar.rollouts.nouns import Problem

_PROMPT = (
    "Question: {question}\nResponse: {response}\n\nWhat is the final answer of the response? Reply with the answer "
    "alone: a letter, a number, a list or a word. If it has none, reply with none."
)
_REMEMBERED = 2**16  # replies, ours


class AskedExtractor:
    """Asks a language model behind an OpenAI-compatible URL.

    A server that does not reply leaves the response without an answer; that is counted and warned of once.

    Args:
        url: The server's base, as `http://127.0.0.1:8000/v1`.
        model: The name under which it serves the model.
        prompt: What it is asked, ours; `{question}` and `{response}` are filled in.
        token_file: A file with the token that the server wants.
        timeout: Seconds that one reply may take.

    Raises:
        ValueError: If the prompt lacks `{response}`.
    """

    def __init__(
        self, url: str, model: str, prompt: str = _PROMPT, token_file: Path | None = None, timeout: float = 60.0
    ) -> None:
        if "{response}" not in prompt:
            raise ValueError(f"AskedExtractor.prompt is {prompt!r}; it must contain {{response}}.")
        self.prompt = prompt
        self.chat = ChatModel(url, model, token_file, timeout)
        self._replies: dict[str, str | None] = {}
        self._unclear = 0

    def __call__(self, text: str, problem: Problem) -> str | None:
        """The answer; equal questions are asked once."""
        asked = self.chat.filled(self.prompt, question=problem.question, response=text)
        if asked not in self._replies:
            if len(self._replies) >= _REMEMBERED:
                self._replies.clear()
            self._replies[asked] = self._ask(asked)
        return self._replies[asked]

    def _ask(self, asked: str) -> str | None:
        try:
            reply = self.chat.reply(asked, max_tokens=64).strip().strip(".").strip()
        except ValueError as error:
            self._unclear += 1
            if self._unclear == 1:
                warnings.warn(f"A response has no answer because {error}; others are not reported.", stacklevel=4)
            return None
        return None if reply.lower() in ("", "none") else reply
