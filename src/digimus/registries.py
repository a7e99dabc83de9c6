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
    file, variable = REGISTRIES[registry]
    for node in ast.parse((LIBRARY / file).read_text(encoding="utf-8")).body:
        targets = [getattr(target, "id", None) for target in getattr(node, "targets", [])]
        if targets == [variable]:
            lines = node.value
            nodes = lines.keys if isinstance(lines, ast.Dict) else [line.elts[0] for line in lines.elts]
            return tuple(ast.literal_eval(name) for name in nodes)
    raise LookupError(f"{file} assigns no {variable}")


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
