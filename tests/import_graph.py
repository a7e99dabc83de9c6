"""What a script of a rule comes to import: read from the sources, through the library, in functions too."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

NOT_RUN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Import:
    """One import: by which module, of what (dotted), and whether only a call of a function makes it."""

    module: str
    of: str
    in_function: bool

    @property
    def package(self):
        """The top of the dotted name."""
        return self.of.split(".")[0]

    def is_of(self, name):
        """Whether it imports a module or package, or something inside it."""
        return f"{self.of}.".startswith(f"{name}.")


class Sources:
    """The modules of the library and the scripts of the rules, which import each other by bare names."""

    def __init__(self, root):
        self.library, self.scripts = root / "src", root / "workflow/scripts"
        self._known = {}

    def file(self, name):
        """Path of one of our modules, or None for what is not ours."""
        if name.split(".")[0] != "digimus":
            path = self.scripts / f"{name}.py"
            return path if path.is_file() else None
        path = self.library / Path(*name.split("."))
        return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()), None)

    def imports(self, name):
        """Every import of one of our modules, the packages above an imported module among them."""
        if name not in self._known:
            tree = ast.parse(self.file(name).read_text(encoding="utf-8"))
            self._known[name] = {
                Import(name, above, in_function)
                for of, in_function in self._stated(tree, False)
                for above in _with_parents(of)
            } | {Import(name, of, True) for of in self._by_name(name)}
        return self._known[name]

    def _stated(self, node, in_function):
        for child in ast.iter_child_nodes(node):
            inside = in_function or isinstance(child, NOT_RUN)
            if isinstance(child, ast.Import):
                yield from ((item.name, inside) for item in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, "the library imports by full names"
                yield child.module, inside
                modules = (f"{child.module}.{item.name}" for item in child.names)
                yield from ((module, inside) for module in modules if self.file(module))
            yield from self._stated(child, inside)

    def _by_name(self, name):
        """What a module imports by a name that it makes: one figure, by the name of its module."""
        if name == "digimus.figures":
            return {
                f"digimus.figures.{path.stem}" for path in (self.library / "digimus/figures").glob("*.py")
            }
        return set()

    def reached(self, script, spared=()):
        """Every import that a script can come to, but those spared: pairs (module, imported)."""
        found, seen, waiting = set(), set(), [script]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for one in self.imports(name):
                if not any(one.module == module and one.is_of(of) for module, of in spared):
                    found.add(one)
                    if self.file(one.of):
                        waiting.append(one.of)
        return found

    def packages(self, script, spared=()):
        """{package: the modules that import it} of all that is neither ours nor Python's."""
        packages = {}
        for one in self.reached(script, spared):
            if not self.file(one.of) and one.package not in {*sys.stdlib_module_names, "digimus"}:
                packages.setdefault(one.package, set()).add(one.module)
        return packages


def _with_parents(name):
    parts = name.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]
