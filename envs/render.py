"""Writes the environments of the rules: `python envs/render.py`, the last step of `make lock`.

Which packages an environment has stands in pyproject.toml, under `tool.digimus.environments`. What these need
in turn is read from what is installed, on Linux and Python 3.11, and every version is the lock's.
"""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# {purpose}
# Made by 'make lock' from pyproject.toml and requirements.lock; change those. For Linux.
channels:
  - conda-forge
dependencies:
  - python=3.11
"""


def normal(name):
    """A package's name as indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(root=ROOT):
    """Pins of the lock: {normal name: 'name==version'}."""
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {normal(line.split("==")[0]): line for line in lines if "==" in line and not line.startswith("#")}


def declared(root=ROOT):
    """The environments of pyproject.toml: {name: {'purpose', 'packages', 'builds'}}."""
    with open(root / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["tool"]["digimus"]["environments"]


def with_needs(packages, left_alone=("torch",)):
    """Normal names of packages and of all that they need; what torch alone needs is left to conda."""
    found, waiting = set(), [Requirement(name) for name in packages]
    while waiting:
        wanted = waiting.pop()
        name = normal(wanted.name)
        if (name, *sorted(wanted.extras)) in found:
            continue
        found.add((name, *sorted(wanted.extras)))
        if name not in left_alone:
            for need in map(Requirement, metadata.requires(name) or []):
                extras = [{"extra": extra} for extra in ("", *wanted.extras)]
                if need.marker is None or any(map(need.marker.evaluate, extras)):
                    waiting.append(need)
    return {name for name, *_ in found}


def render(root=ROOT):
    """Every environment file as text: {file name: text}.

    conda-forge calls torch `pytorch`, and its CPU and CUDA builds differ by build string alone: an
    environment with torch has a file for each of its `builds`. All else comes from pip, with the lock's pin.
    """
    lock, files = read_lock(root), {}
    for name, environment in declared(root).items():
        needed = with_needs(environment["packages"])
        if missing := sorted(needed - set(lock)):
            raise SystemExit(
                f"requirements.lock lacks {', '.join(missing)}, which {name} needs; see CONTRIBUTING.md"
            )
        pins = [lock[package] for package in sorted(needed - {"torch"})]
        pip = "".join(f"      - {pin}\n" for pin in pins)
        for build in environment.get("builds", [""]):
            text = HEAD.format(purpose=environment["purpose"].format(build=build.upper()))
            if build:
                text += f"  - pytorch={lock['torch'].split('==')[1]}={build}*\n"
            file = f"{name}-{build}.yaml" if build else f"{name}.yaml"
            files[file] = text + "  - pip\n  - pip:\n" + pip
    return files


def main():
    """Write every environment; remove files that no environment stands for any more."""
    files = render()
    for path in (ROOT / "envs").glob("*.yaml"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (ROOT / "envs" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
