"""Reading a configuration file as plain data: whatever it holds, nothing in it runs.

YAML 1.1 (https://yaml.org/spec/1.1) or JSON.
"""

import json
from pathlib import Path

import yaml

from digimus.errors import InputError

LARGEST_BYTES = 2**20
"""A hundred times the default configuration."""
MOST_VALUES = 100_000
"""Values of a file with every alias (`*name`) written out."""
DEEPEST = 50
TEMPLATE = "__use_yte__"
"""The key by which a file asks Snakemake to run the Python expressions in it."""


def read_configuration(path):
    """The settings of a configuration file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the file cannot be read, is too large, is not UTF-8 or not YAML, asks for Python objects or
        expressions, gives a key twice or a key that is not text, is nested too deep or holds itself, or is
        no mapping.
    """
    path = Path(path)
    text = _text(path)
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # between the values of JSON; within them it has none
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _refused(
            path, "A configuration file is not YAML.", "valid YAML or JSON", _first(error)
        ) from error
    except RecursionError:
        raise _too_deep(path) from None
    if not isinstance(node, yaml.MappingNode):
        got = "nothing" if node is None else f"a {node.id}"
        raise _refused(path, "A configuration file holds no settings.", "keys with their values", got)
    _values(path, node, 0, {})
    try:
        return json.loads(text)  # to YAML 1e-3 is text
    except ValueError:
        pass
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        expected = "numbers, text, true, false, null, lists and mappings"
        raise _refused(
            path, "A value of a configuration file cannot be read.", expected, _first(error)
        ) from error


def _text(path):
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise _refused(
                path, "A configuration file is too large.", f"at most {LARGEST_BYTES:,} bytes", "more"
            )
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _refused(path, "A configuration file cannot be read.", "a file", error.strerror) from error
    except UnicodeDecodeError as error:
        raise _refused(path, "A configuration file is not text.", "UTF-8", str(error)) from error


def _values(path, node, depth, known):
    """How many values a node stands for, aliases written out; each node is looked at once."""
    if known.get(id(node)) == 0 or depth > DEEPEST:  # inside itself
        raise _too_deep(path)
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = 0
    count = 1
    if isinstance(node, yaml.MappingNode):
        _check_keys(path, node)
        count += sum(_values(path, value, depth + 1, known) for _, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        count += sum(_values(path, value, depth + 1, known) for value in node.value)
    if count > MOST_VALUES:
        expected = f"at most {MOST_VALUES:,} values, every alias written out"
        raise _refused(path, "A configuration file holds too much.", expected, "more")
    known[id(node)] = count
    return count


def _check_keys(path, mapping):
    seen = set()
    for key, _ in mapping.value:
        where = f"{path}, line {key.start_mark.line + 1}"
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            raise _refused(where, "A key of a configuration file is not text.", "a name", _shown(key))
        if key.value == TEMPLATE:
            what = "A configuration file asks to run the Python expressions in it."
            raise _refused(where, what, "plain values", key.value)
        if key.value in seen:
            raise _refused(where, f"The key {key.value!r} is given twice.", "every key once", key.value)
        seen.add(key.value)


def _shown(key):
    return repr(key.value) if isinstance(key, yaml.ScalarNode) else f"a {key.id}"


def _first(error):
    """What is wrong and where, on one line."""
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return f"{text}, line {mark.line + 1}" if mark else text


def _too_deep(path):
    what = "A configuration file is nested too deep, or holds itself."
    return _refused(path, what, f"at most {DEEPEST} levels", "more")


def _refused(where, what, expected, got):
    hint = (
        "A configuration is data alone; start from config/config.yaml, config/README.md explains every key."
    )
    return InputError(what, where=where, expected=expected, got=got, hint=hint)
