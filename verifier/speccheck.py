"""What is wrong with a shape, all of it: form, names that lead nowhere, values that can't be read.

In: the data of a shape, from YAML or from Python, and the kinds of assertion. Out: the `Shape` if it can be built, and
a `Problem` for each fault: one sentence with its path. What could not be read doesn't keep the rest from being checked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from verifier.shape import FactRef, Rule, Shape
from verifier.specmeaning import A_DURATION, HOW_OFTEN, check_params, check_part, unknown_keys
from verifier.specschema import Head, Misfit, Part, build, expected, names, parts
from verifier.specwords import Problem, Problems, found, listed, nth, of
from verifier.specyaml import Path, show


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One assertion of the list, its parameters as a mapping."""

    path: Path
    kind: str
    cls: type[Rule]
    data: Mapping[str, Any]
    bare: bool = False  # written as a list


def check(data: Any, kinds: Mapping[str, type[Rule]]) -> tuple[Shape | None, tuple[Problem, ...]]:
    """The shape that some data describes (None if it can't be built) and everything that is wrong with it."""
    if not isinstance(data, dict):
        text = f"a shape is a mapping that begins with 'shape: NAME'; this is {found(data)}"
        return None, (Problem(path=(), text=text),)
    to = Problems(data=data)
    head = {key: value for key, value in data.items() if key != "assertions"}
    shape = _fit(to, Head, head, ())
    items, whole = _items(to, kinds)
    rules = [_fit(to, item.cls, item.data, item.path) for item in items]
    check_params(to)
    _ids(to, items)
    built = None
    if shape is not None and whole and all(rule is not None for rule in rules):
        said = {f.name: getattr(shape, f.name) for f in fields(shape)}
        built = Shape(**said, assertions=tuple(rules))
        for item, rule in zip(items, rules, strict=True):
            _own_problems(to, item, rule, built)
    bare = {item.path: item for item in items if item.bare}
    return built, tuple(dict.fromkeys(_as_written(problem, bare) for problem in to.found))


def _as_written(problem: Problem, bare: Mapping[Path, _Item]) -> Problem:
    # `- sequence: [a]` is checked as `- sequence: {steps: [a]}`; the place is that of the first spelling
    path = problem.path
    if path[:3] not in bare or len(path) < 4:
        return problem
    return Problem(path=path[:3] + path[4:], text=problem.text, key=problem.key)


def _fit(to: Problems, cls: Any, data: Mapping[str, Any], base: Path) -> Any:
    """Builds an object of a class, None if it can't be; notes what is wrong with its data."""
    seen = list(parts(cls, data, base))
    for part in seen:
        check_part(to, part)
    built, misfits = build(cls, data)
    by_path = {part.path: part for part in seen if not part.is_key}
    before = len(to.found)
    for misfit in misfits:
        _misfit(to, misfit, base, by_path)
    if misfits and before == len(to.found) and all(m.sort != "unexpected_keyword_argument" for m in misfits):
        to.add(base + misfits[0].path, f"{of(base + misfits[0].path)} can't be read: {misfits[0].says}")
    return built if not any(unknown_keys(part) for part in seen) else None


def _misfit(to: Problems, misfit: Misfit, base: Path, by_path: Mapping[Path, Part]) -> None:
    """One sentence for what pydantic says of one value: the same for every member of a union that it tried."""
    path = base + misfit.path
    if misfit.sort == "unexpected_keyword_argument" or any(
        _other_branch(by_path.get(base + p), label) for p, label in misfit.labels
    ):
        return
    part = by_path.get(path)
    if misfit.missing is not None and (*path, misfit.missing) in to.meant:
        return
    if misfit.missing is not None:
        to.add(path, f"{of(path)} needs {show(misfit.missing)}")
    elif part is None or misfit.sort in ("value_error", "assertion_error"):
        to.add(path, f"{of(path)} can't be read: {misfit.says}")
    elif misfit.sort in ("missing", "too_long") and isinstance(part.value, tuple):
        to.add(path, f"{of(path)} is a list of {len(part.value)}; expected a list of {len(get_args(part.chosen))}")
    else:
        to.add(path, f"{of(path)} is {found(part.value)}; expected {_wanted(part)}")


def _wanted(part: Part) -> str:
    takes = tuple(t for t in part.takes if t is not type(None))
    if part.path[:1] == ("params",) and len(part.path) == 2:
        return A_DURATION
    if FactRef in takes and int in takes:
        return HOW_OFTEN
    said = expected(takes)
    options = [str(o) for t in takes if get_origin(t) is Literal for o in get_args(t)]
    if isinstance(part.value, str) and options:
        close = get_close_matches(part.value[:100], options, n=1)
        return f"{said}; did you mean {close[0]!r}?" if close else said
    if isinstance(part.value, bool | int | float) and takes == (str,):
        return f"{said}; put it in quotes"
    if isinstance(part.value, str) and said == "a list":
        return f"a list, also of one: [{part.value}]" if len(part.value) < 60 and part.value.isprintable() else said
    return said


def _items(to: Problems, kinds: Mapping[str, type[Rule]]) -> tuple[list[_Item], bool]:
    """Each assertion whose kind is known, and whether these are all."""
    given = to.data.get("assertions")
    if "assertions" not in to.data and ("assertions",) in to.meant:
        return [], False
    if "assertions" not in to.data or given is None or given == ():
        where: Path = ("assertions",) if "assertions" in to.data else ()
        to.add(where, "the shape has no assertions; expected a list under 'assertions' with at least one")
        return [], False
    if not isinstance(given, tuple):
        to.add(("assertions",), f"'assertions' is {found(given)}; expected a list of '- kind: parameters'")
        return [], False
    items = [_item(to, value, ("assertions", i), kinds) for i, value in enumerate(given)]
    known = [item for item in items if item is not None]
    return known, len(known) == len(items)


def _item(to: Problems, value: Any, path: Path, kinds: Mapping[str, type[Rule]]) -> _Item | None:
    given = {value: None} if isinstance(value, str) else value
    if not isinstance(given, dict) or not given:
        to.add(path, f"assertion {nth(path)} is {found(value)}; expected 'kind: parameters'")
        return None
    if len(given) > 1:
        keys = listed([show(key) for key in given])
        indent = f"; indent its parameters under '{next(iter(given))}:'" if None in given.values() else ""
        to.add(path, f"assertion {nth(path)} has the keys {keys}; expected one, its kind{indent}")
        return None
    ((kind, parameters),) = given.items()
    path = (*path, kind)
    if kind not in kinds:
        hint = to.hint(kind, kinds, have="there are")
        to.add(path, f"there is no assertion {show(kind)}{hint}", key=True)
        return None
    cls = kinds[kind]
    alone = getattr(cls, "list_parameter", None)
    if isinstance(parameters, tuple) and alone:
        return _Item(path=path, kind=kind, cls=cls, data={alone: parameters}, bare=True)
    if parameters is None or isinstance(parameters, dict):
        return _Item(path=path, kind=kind, cls=cls, data=parameters or {})
    takes = "a list or a mapping" if alone else f"a mapping ({', '.join(names(cls))})"
    to.add(path, f"{of(path)} is {found(parameters)}; expected {takes}")
    return None


def _ids(to: Problems, items: Sequence[_Item]) -> None:
    """Two assertions may not go by one name, given or numbered."""
    first: dict[str, Path] = {}
    count: dict[str, int] = {}
    for item in items:
        count[item.kind] = count.get(item.kind, 0) + 1
        given = item.data.get("id")
        name = given if isinstance(given, str) and given else f"{item.kind}-{count[item.kind]}"
        if name in first:
            text = f"the id {show(name)} is taken by assertion {nth(first[name])}; expected one of its own"
            to.add((*item.path, "id"), text)
        first.setdefault(name, item.path)


def _own_problems(to: Problems, item: _Item, rule: Rule, shape: Shape) -> None:
    """What the kind itself has to say; only where all that it names is there."""
    ask: Callable[[Shape], list[tuple[str, str]]] | None = getattr(rule, "problems", None)
    if ask and not any(problem.path[: len(item.path)] == item.path for problem in to.found):
        for key, text in ask(shape):
            to.add((*item.path, key.rstrip("_")), text)


def _other_branch(part: Part | None, label: str) -> bool:
    """Whether a complaint is about a member of a union that the value wasn't meant as."""
    if part is None or part.chosen is None or not isinstance(part.value, dict | tuple):
        return False
    if is_dataclass(part.chosen):
        return label != part.chosen.__name__  # type: ignore[union-attr]
    return not label.startswith(("tuple", "list") if isinstance(part.value, tuple) else ("dict", "mapping"))
