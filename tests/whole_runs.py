"""Whole runs of the workflow in copies of the project, and what several tests compare of them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".peers", ".git", ".snakemake", "results", "simulated*", "__pycache__", ".*_cache"
)


def snakemake(folder, *arguments, config="config/tiny.yaml", cores=2, variables=None, umask=-1):
    """Run snakemake in a copy of the project; returns the finished process with its output as text.

    Variables are added to the environment, or left out of it where they are None.
    """
    command = [SNAKEMAKE, *arguments, "--cores", str(cores)]
    command += ["--configfile", *([config] if isinstance(config, str) else config)] if config else []
    environment = os.environ | {"PYTHONPATH": None} | (variables or {})
    environment = {key: value for key, value in environment.items() if value is not None}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, timeout=900, umask=umask
    )
    done.text = done.stdout + done.stderr
    return done


def copy_of(root, folder):
    """A copy of the project without its results and simulated data; returns its folder."""
    shutil.copytree(root, folder, ignore=LEFT_OUT)
    return folder


def overlay(folder, name, settings):
    """Write config/<name>.yaml in a copy; returns the configuration files of a tiny run with it."""
    path = folder / "config" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return ["config/tiny.yaml", f"config/{name}.yaml"]


def tables(folder, name="tiny"):
    """Every result table's text by its path under results/<name>, but for run times (benchmarks/)."""
    results = folder / "results" / name
    return {
        str(path.relative_to(results)): path.read_text()
        for path in sorted(results.rglob("*.csv"))
        if "benchmarks" not in path.parts
    }


def planned(process):
    """Rules that a dry run would execute, with their numbers of jobs."""
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", process.stdout, re.M)}
