"""A model that others serve, asked over an OpenAI-compatible URL: to be measured, not trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import httpx

from lit_mstar.encoding.user_turn import user_turn
from lit_mstar.rollouts.nouns import Problem, Response, Rollout
from lit_mstar.samplers.base import Policy, Sampler, SamplingParams, response_stream
from lit_mstar.samplers.server import data_url


class ChatServerSampler(Sampler):
    """Asks `/chat/completions`; the server's own chat template turns the prompt into tokens.

    Its responses have no token ids, so they can be measured and not learned.

    Args:
        url: The server's base, as `http://127.0.0.1:8000/v1`.
        model: The name under which it serves the model; the first that it names by default.
        prompt: What the user's turn says; `{question}` and `{choices}` are filled in.
        system: What a system turn says, or none.
        at_once: Requests that are open at the same time (ours).
        token_file: A file with the token that the server wants.
        timeout: Seconds that one request may take.
        retries: How often a request that failed is sent again.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        prompt: str = "{question}{choices}",
        system: str | None = None,
        at_once: int = 16,
        token_file: Path | None = None,
        timeout: float = 600.0,
        retries: int = 2,
    ) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.prompt = prompt
        self.system = system
        self.at_once = at_once
        self.token_file = token_file
        self.timeout = timeout
        self.retries = retries

    @property
    def said(self) -> str:
        """Who is asked, and how, as a text that differs where it does."""
        return f"{self.url} {self.model} {self.system or ''} {self.prompt}"

    def load_policy(self, policy: Policy) -> None:
        """Finds out what the server serves; its weights are its own.

        Raises:
            ConnectionError: If it does not answer.
        """
        if self.model is None:
            with self._client() as client:
                self.model = str(self._json(client, "GET", "/models", None)["data"][0]["id"])

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """See `Sampler.sample`.

        Raises:
            ValueError: If there are prefixes: a chat has none.
            ConnectionError: If the server does not answer.
        """
        if prefixes and any(prefixes):
            raise ValueError("ChatServerSampler cannot go on from a prefix; take VLLMServerSampler.")
        with self._client() as client, ThreadPoolExecutor(self.at_once) as pool:
            waiting = {pool.submit(self._ask, client, one, sampling): i for i, one in enumerate(problems)}
            try:
                for done in as_completed(waiting):
                    yield waiting[done], Rollout(problem=problems[waiting[done]], responses=done.result())
            finally:
                for future in waiting:
                    future.cancel()

    def _ask(self, client: httpx.Client, problem: Problem, sampling: SamplingParams) -> list[Response]:
        body = {
            "model": self.model,
            "messages": self._messages(problem),
            "n": sampling.n,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop) or None,
            "seed": int(response_stream(sampling.seed, problem, "", 0).integers(2**31)),
        }
        choices = self._json(client, "POST", "/chat/completions", body)["choices"]
        return [
            Response(
                text=str(choice["message"]["content"] or ""),
                finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
                temperature=sampling.temperature,
            )
            for choice in choices
        ]

    def _messages(self, problem: Problem) -> list[dict[str, Any]]:
        parts = user_turn(problem, problem.prompt or self.prompt, None, "<image>")
        content = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": data_url(problem.images[part - 1])}}
            for part in parts
        ]
        system = problem.system or self.system
        return [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": content}]

    def _json(self, client: httpx.Client, method: str, path: str, body: Any) -> dict[str, Any]:
        for attempt in range(self.retries + 1):
            try:
                reply = client.request(method, self.url + path, json=body).raise_for_status()
                found = reply.json()
                return dict(found)
            except (httpx.HTTPError, ValueError) as error:
                if attempt == self.retries:
                    raise ConnectionError(
                        f"{self.url}{path} gave no reply ({_said(error)}); what was answered is kept: start the "
                        "server, and run the same again."
                    ) from error
        raise AssertionError("the last attempt returns or raises")

    def _client(self) -> httpx.Client:
        token = {"Authorization": f"Bearer {self.token_file.read_text().strip()}"} if self.token_file else {}
        return httpx.Client(headers=token, timeout=self.timeout)


def _said(error: Exception) -> str:
    """What happened, in a line, and what the server said of it."""
    text = getattr(getattr(error, "response", None), "text", "")[:200]
    return ": ".join(part for part in (str(error).partition("\n")[0], text) if part)
