"""The container file, read: its instructions, and a folder with just the files that it copies."""

import re
import shutil


def instructions(root):
    """(name, rest of the line) of every instruction, continued lines joined."""
    text = (root / "Containerfile").read_text(encoding="utf-8")
    text = re.sub(
        r"\\\n\s*", "", "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    )
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def copied(root):
    """Names of the files and folders of the project that it copies."""
    names = []
    for name, rest in instructions(root):
        if name == "COPY":
            *sources, _ = (word for word in rest.split() if not word.startswith("--"))
            names += [source.rstrip("/") for source in sources]
    return names


def copies(root, folder):
    """Make a folder with these files alone, as a build would have them; returns it."""
    folder.mkdir(parents=True)
    for name in copied(root):
        if (root / name).is_dir():
            shutil.copytree(
                root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(root / name, folder / name)
    return folder
