"""The kinds of assertion: one file each, found by its name.

In: a class in `verifier/assertions/KIND.py`, named KIND in CamelCase, under `@assertion`. Out: `kinds()`, every kind
by its name. A kind of another package comes in by an entry point of the group `verifier.assertions`; one that can't be
loaded stops the run: it is never skipped.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar, dataclass_transform

from verifier.errors import SpecError
from verifier.shape import Fact, Machine, Rule, RunRule, Scalar, Step

R = TypeVar("R", bound=Rule)
GROUP = "verifier.assertions"


@dataclass_transform(kw_only_default=True, frozen_default=True)
def assertion(cls: type[R]) -> type[R]:
    """Makes a class a kind of assertion: a frozen dataclass whose docstring is its reference page.

    Raises TypeError for a class without docstring, `check` or `examples`, or not named as its file.
    """
    kind = cls.__module__.rsplit(".", 1)[-1]
    wanted = "".join(part.capitalize() for part in kind.split("_"))
    if cls.__name__ != wanted:
        raise TypeError(f"{cls.__module__}: the class is named {cls.__name__}, its file asks for {wanted}")
    if not cls.__doc__ or not _checks(cls) or not getattr(cls, "examples", None):
        raise TypeError(f"{cls.__module__}: a kind needs a docstring, a method `check` and `examples`")
    cls.kind = kind
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def _checks(cls: type[Rule]) -> bool:
    """Whether it says what it finds: in a flow, or in the run (then also what it collects, and what that rests on)."""
    if issubclass(cls, RunRule):
        return all(getattr(cls, name) is not getattr(RunRule, name) for name in ("collect", "rests_on", "check_run"))
    return cls.check is not Rule.check


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A flow as a sketch, the parameters of one assertion, and the verdict: a test and a line of documentation.

    A step is a span of its own name unless `steps` says otherwise; every row belongs to the flow. Where the kind judges
    the run, the sketch holds several flows: a row is of the flow that its attribute `flow` names, as its parents,
    messages and links are; `correlation_id` is an alias. `outages` are on the sketch's own time:
    `{"from": "1s", "to": "5s"}`.
    """

    verdict: str
    sketch: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    steps: Mapping[str, Step] = field(default_factory=dict)
    machines: Mapping[str, Machine] = field(default_factory=dict)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    given: Mapping[str, Scalar] = field(default_factory=dict)
    assume: str = "complete"
    at: str = "end"
    ends: tuple[str, ...] = ()
    gives_up: str | None = None
    records: bool = True
    outages: tuple[Mapping[str, str], ...] = ()


def kinds() -> Mapping[str, type[Rule]]:
    """Every kind by its name, sorted.

    Raises SpecError if a kind of another package can't be loaded or takes a name that is taken.
    """
    return _kinds()


@cache
def _kinds() -> Mapping[str, type[Rule]]:
    found: dict[str, type[Rule]] = {}
    for module in pkgutil.iter_modules(__path__):
        found.update(_kind_of(importlib.import_module(f"{__name__}.{module.name}"), module.name))
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            cls = point.load()
        except Exception as error:
            raise SpecError([f"assertion '{point.name}' of {point.value} can't be loaded: {error!r}"]) from error
        if point.name in found:
            raise SpecError([f"assertion '{point.name}' of {point.value}: the name is taken by {found[point.name]!r}"])
        found[point.name] = cls
    return dict(sorted(found.items()))


def _kind_of(module: Any, name: str) -> dict[str, type[Rule]]:
    wanted = "".join(part.capitalize() for part in name.split("_"))
    return {name: getattr(module, wanted)}


__all__ = ["Example", "assertion", "kinds"]
