"""The container file: no image can be built in a test, so its instructions are read, and its files tried."""

import os
import re
import subprocess

import yaml

from container_file import copied, copies, instructions

URL = "index-of-torch/whl"


def test_the_base_image_is_one_exact_tag_of_the_locks_python(root):
    (base,) = [rest for name, rest in instructions(root) if name == "FROM"]
    python = re.fullmatch(r"docker\.io/library/python:(\d+\.\d+)\.\d+-slim-[a-z]+", base)[1]
    for path in (root / "envs").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["dependencies"][0] == f"python={python}", path.name
    assert f"python{python}" in (root / "Makefile").read_text()


def test_every_version_comes_from_the_lock_and_no_other_host_is_named(root):
    text = (root / "Containerfile").read_text(encoding="utf-8")
    assert "==" not in text and "http" not in text and "requirements.lock" in copied(root)
    assert len(re.findall(r"\b[\w-]+\.(?:io|org|com|net|dev)\b", text)) == 1
    for name, rest in instructions(root):
        if name == "RUN":
            assert not re.search(r"\b(pip|conda|mamba|curl|wget)\b", rest), rest


def test_what_it_copies_is_there_and_is_what_a_build_is_sent(root):
    lines = (root / ".containerignore").read_text().splitlines()
    assert lines[1] == "*" and set(copied(root)) == {line[1:] for line in lines if line.startswith("!")}
    assert all((root / name).exists() for name in copied(root))
    ignored = (root / ".gitignore").read_text().splitlines()
    assert not {name for name in copied(root) if name in ignored or f"{name}/" in ignored}


def test_it_sets_up_by_the_makefile_as_a_user_without_rights(root):
    names = [name for name, _ in instructions(root)]
    users = [rest for name, rest in instructions(root) if name == "USER"]
    runs = [(at, rest) for at, (name, rest) in enumerate(instructions(root)) if name == "RUN"]
    made = [(at, rest) for at, rest in runs if "make setup" in rest]
    assert len(users) == 1 and users[0] not in ("root", "0") and f" {users[0]}" in runs[0][1]
    assert len(made) == 1 and made[0][0] > names.index("USER") > names.index("RUN")
    assert 'TORCH_INDEX="$TORCH_INDEX"' in made[0][1]
    assert ("ARG", 'TORCH_INDEX=""') in instructions(root)
    assert instructions(root)[-1] == ("CMD", '["bash", "workflow/run.sh", "--cores", "all"]')
    assert (root / "workflow/run.sh").is_file()


def test_make_setup_asks_for_no_more_than_what_is_copied(root, tmp_path):
    folder = copies(root, tmp_path / "image")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    for index in ("", URL):
        command = ["make", "--dry-run", "setup", f"TORCH_INDEX={index}"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        assert ended.returncode == 0, ended.stderr
        installs = [line for line in ended.stdout.splitlines() if "pip install" in line]
        assert [URL in line for line in installs] == [bool(index), False, False]
        assert "^torch==" in installs[0] and "--editable ." in installs[2]
        assert all("requirements.lock" in line for line in installs)
