"""A pytest plugin that builds the package with a fault in it: `-p tests.breaking.fault`, and which in `FAULTS`.

In: the variable `FAULTS`, JSON {module: {"before", "after"}}: a piece of source that stands there once, and what
stands there instead. Out: these modules as if they had been written so; no file changes.
"""

import json
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import Any

FAULTS = json.loads(os.environ["FAULTS"])


class Broken(SourceFileLoader):
    """Loads a source file with the fault in it."""

    def get_code(self, fullname: str) -> Any:
        source = self.get_source(fullname) or ""
        fault = FAULTS[fullname]
        times = source.count(fault["before"])
        assert times == 1, f"{fullname}: {fault['before']!r} stands there {times} times, expected once"
        return compile(source.replace(fault["before"], fault["after"]), self.path, "exec")


class Finder(MetaPathFinder):
    """Finds the modules that are to be broken."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname not in FAULTS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = Broken(fullname, spec.origin)
        return spec


assert not set(FAULTS) & set(sys.modules), "too late: it is loaded already"
sys.meta_path.insert(0, Finder())
