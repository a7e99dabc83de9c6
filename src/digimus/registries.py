"""The names in the library's registries, read from the source without importing it.

The configuration is checked at every start, where importing torch would take seconds. So a model, a
prior, a motif loss or a task is listed once, in its registry, and the schema refers to that.
"""

import ast
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parent
REGISTRIES = {
    "models": ("models/__init__.py", "MODELS"),
    "priors": ("motifs/priors.py", "PRIORS"),
    "losses": ("models/motif_term.py", "LOSSES"),
    "surrogates": ("models/surrogates.py", "SURROGATES"),
    "tasks": ("tasks/registry.py", "_LINES"),
}
"""File and variable of each: a dict whose keys are the names, or a tuple of tuples that begin with them."""


@cache
def names(registry):
    """The names in a registry, in its order.

    Parameters
    ----------
    registry : str
        A key of `REGISTRIES`.

    Returns
    -------
    tuple of str
    """
    lines = _assigned(*REGISTRIES[registry])
    nodes = lines.keys if isinstance(lines, ast.Dict) else [line.elts[0] for line in lines.elts]
    return tuple(ast.literal_eval(name) for name in nodes)


@cache
def settings(model):
    """The settings that a kind of model takes: what its ``__init__`` names after the ``*``, but for ``rng``.

    Parameters
    ----------
    model : str
        One of ``names("models")``.

    Returns
    -------
    tuple of str or None
        None where the registry holds something else than a class with an ``__init__`` of its own.
    """
    file, variable = REGISTRIES["models"]
    lines = _assigned(file, variable)
    entry = dict(zip(names("models"), lines.values, strict=True))[model]
    for node in _parsed(file).body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if (alias.asname or alias.name) == getattr(entry, "id", None):
                path = node.module.removeprefix("digimus.").replace(".", "/") + ".py"
                return _settings_of(path, alias.name)
    return None


@cache
def families():
    """The rule tasks of each family, as `digimus.tasks.FAMILIES`.

    Returns
    -------
    dict of str to tuple of str
    """
    file, variable = REGISTRIES["tasks"]
    words = {}
    for node in _parsed(file).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
            words |= {name.id: text.value for name, text in pairs if isinstance(text, ast.Constant)}
    members = {}
    for task, line in zip(names("tasks"), _assigned(file, variable).elts, strict=True):
        members.setdefault(words[line.elts[1].id], []).append(task)
    return {family: tuple(tasks) for family, tasks in members.items()}


def _settings_of(file, name):
    """The keyword-only arguments of a class, or None."""
    classes = [n for n in _parsed(file).body if isinstance(n, ast.ClassDef) and n.name == name]
    methods = [n for cls in classes for n in cls.body if getattr(n, "name", "") == "__init__"]
    if not methods:
        return None
    return tuple(argument.arg for argument in methods[0].args.kwonlyargs if argument.arg != "rng")


def _assigned(file, variable):
    """The syntax of what a module assigns to a variable."""
    for node in _parsed(file).body:
        targets = [getattr(target, "id", None) for target in getattr(node, "targets", [])]
        if targets == [variable]:
            return node.value
    raise LookupError(f"{file} assigns no {variable}")


@cache
def _parsed(file):
    return ast.parse((LIBRARY / file).read_text(encoding="utf-8"))


def filled(schema):
    """A copy of a schema with the names of the registry in place of every ``registry: <key>``.

    An ``enum`` beside it holds further names.
    """
    if isinstance(schema, list):
        return [filled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: filled(part) for key, part in schema.items()}
    if isinstance(schema.get("registry"), str):
        parts["enum"] = [*names(parts.pop("registry")), *parts.get("enum", [])]
    return parts
