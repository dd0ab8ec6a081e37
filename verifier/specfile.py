"""Shapes as YAML files: reading, writing, naming everything that is wrong with them.

In: a file, a folder, the name of a shape that ships with the package, or text. Out: `Shape`, or one SpecError that
holds every problem of every file as `file:line:column: what is wrong; what was expected`, sorted.
`verifier.specyaml` knows YAML, `verifier.specschema` the dataclasses, `verifier.speccheck` what makes a shape wrong.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from importlib.resources import files
from math import isfinite
from pathlib import Path as FilePath
from typing import Any

from verifier import assertions
from verifier.errors import SpecError, UsageError
from verifier.shape import Place, Rule, Shape, duration_ns
from verifier.speccheck import check
from verifier.specschema import json_schema, plain
from verifier.specwords import Problem, dotted, listed
from verifier.specyaml import Path, Reading, Spot, read, show, write

LARGEST = 2**20
HEADER = "# yaml-language-server: $schema=shape.schema.json\n"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A text with the name that problems call it by."""

    file: str
    content: bytes


def load(path_or_name: str | FilePath) -> Shape:
    """The shape in a file, or the one that ships under a name.

    Raises SpecError with every problem of the file, UsageError if there is no such file or name.
    """
    where = os.fspath(path_or_name)
    if os.path.isdir(where) and where not in shipped():
        raise UsageError(f"{where}: is a folder; give one file of it or one of: {listed(shipped())}")
    return load_all([where])[0]


def loaded(shapes: str | os.PathLike[str] | Shape | Sequence[str | os.PathLike[str] | Shape]) -> tuple[Shape, ...]:
    """Shapes, or what `load_all` takes for them; one, or several.

    Raises UsageError and SpecError as `load_all` does.
    """
    out: list[Shape] = []
    for one in (shapes,) if isinstance(shapes, str | os.PathLike | Shape) else shapes:
        out += [one] if isinstance(one, Shape) else load_all([os.fspath(one)])
    return tuple(out)


def load_all(paths: Sequence[str]) -> tuple[Shape, ...]:
    """Every shape of some names, files and folders, in the order given, a folder's sorted by file name.

    Raises UsageError for what isn't there, else SpecError with the problems of all files at once.
    """
    sources, missing = [], []
    for path in paths:
        try:
            sources += list(_sources(os.fspath(path)))
        except UsageError as error:
            missing.append(str(error))
    if missing:
        raise UsageError("\n".join(dict.fromkeys(missing)))
    shapes: list[Shape] = []
    problems: list[str] = []
    first: dict[str, str] = {}
    for source in dict.fromkeys(sources):
        shape, reading, wrong = _read(source)
        problems += wrong
        if shape is not None:
            place = _place(source.file, reading.at(("shape",)))
            if shape.shape in first:
                problems.append(f"{place}: the shape name {show(shape.shape)} is taken by {first[shape.shape]}")
            first.setdefault(shape.shape, place)
            shapes.append(shape)
    if problems:
        raise SpecError(problems)
    return tuple(shapes)


def loads(text: str, *, file: str = "shape") -> Shape:
    """The shape in a text; `file` is what its problems call it. Raises SpecError with every problem."""
    shape, _, problems = _parse(text, file)
    if shape is None or problems:
        raise SpecError(problems)
    return shape


def dumps(shape: Shape) -> str:
    """The YAML of a shape: `loads(dumps(shape))` is the same shape but for `places`."""
    data = plain(shape)
    rules = zip(shape.assertions, data["assertions"], strict=True)
    return HEADER + write({**data, "assertions": tuple(_shortest(rule, said) for rule, said in rules)})


def _shortest(rule: Rule, said: dict[str, Any]) -> dict[str, Any]:
    """`- sequence: [a, b]` for `- sequence: {steps: [a, b]}`."""
    alone = getattr(rule, "list_parameter", None)
    return {kind: part[alone] if alone and list(part) == [alone] else part for kind, part in said.items()}


def check_shape(shape: Shape, where: Callable[[str], str] | None = None) -> list[str]:
    """Every problem of a shape that was made in Python; `where` turns "assertions[3].step" into a place."""
    own = {rule.kind: type(rule) for rule in shape.assertions if isinstance(rule, Rule) and rule.kind}
    data = plain(shape)
    problems: Sequence[Problem] = tuple(_foreign(data, ()))
    if not problems:
        built, problems = check(data, {**assertions.kinds(), **own})
        problems = problems or tuple(_unlike(built, shape, ()))
    say = where or (lambda path: f"shape {shape.shape}: {path}".removesuffix(": "))
    order = {path: i for i, path in enumerate(_walk(data, ()))}

    def key(problem: Problem) -> tuple[int, str]:
        path = problem.path
        while path not in order:
            path = path[:-1]
        return order[path], problem.text

    in_order = sorted(problems, key=key)
    return list(dict.fromkeys(f"{say(_in_python(problem.path))}: {problem.text}" for problem in in_order))


def with_params(shapes: Sequence[Shape], params: Mapping[str, str]) -> tuple[Shape, ...]:
    """The same shapes with other values for their params.

    Raises UsageError for a param that no shape has and for a value that is no duration.
    """
    known = sorted({name for shape in shapes for name in shape.params})
    wrong = []
    for name, value in params.items():
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of: {listed(known) or '(there are none)'}"
            wrong.append(f"--param {name}={value}: no shape has a param {show(name)}; {hint}")
        elif duration_ns(value) is None:
            wrong.append(f"--param {name}={value}: {show(value)} is no duration; expected e.g. 5m, 1.5s, 250ms")
    if wrong:
        raise UsageError("\n".join(wrong))
    return tuple(
        replace(shape, params={name: params.get(name, value) for name, value in shape.params.items()})
        for shape in shapes
    )


def shipped() -> tuple[str, ...]:
    """The names of the shapes that ship with the package, sorted."""
    folder = files("verifier") / "shapes"
    there = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in there if f.name.endswith(".yaml")))


# ---- where shapes are


def _sources(path: str) -> Iterator[_Source]:
    names = shipped()
    if path in names:
        yield _Source(file=f"{path}.yaml", content=(files("verifier") / "shapes" / f"{path}.yaml").read_bytes())
    elif os.path.isdir(path):
        inside = sorted(f for f in _listdir(path) if f.endswith(SUFFIXES) and not f.startswith("."))
        if not inside:
            raise UsageError(f"{path}: the folder has no shapes; expected files that end in .yaml or .yml")
        for name in inside:
            yield from _file(os.path.join(path, name))
    elif os.path.exists(path):
        yield from _file(path)
    else:
        close = get_close_matches(os.path.basename(path).removesuffix(".yaml"), names, n=1)
        hint = f"did you mean {close[0]!r}? Else give" if close else "give"
        ours = f" or one of: {listed(names)}" if names else ""
        raise UsageError(f"{path}: there is no such file or shape; {hint} a file, a folder{ours}")


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError as error:
        raise UsageError(f"{path}: the folder can't be read: {error.strerror}; check its permissions") from error


def _file(path: str) -> Iterator[_Source]:
    try:
        with open(path, "rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: the file can't be read: {error.strerror}; check its permissions") from error
    yield _Source(file=path, content=content)


# ---- one text


def _read(source: _Source) -> tuple[Shape | None, Reading, list[str]]:
    if len(source.content) > LARGEST:
        return None, Reading(), [f"{source.file}:1:1: the file is over 1 MiB; expected a shape, which is far smaller"]
    try:
        return _parse(source.content.decode("utf-8-sig"), source.file)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        byte = error.object[error.start]
        return None, Reading(), [f"{_place(source.file, at)}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"]


def _parse(text: str, file: str) -> tuple[Shape | None, Reading, list[str]]:
    if len(text) > LARGEST:
        return None, Reading(), [f"{file}:1:1: the text is over 1 MiB; expected a shape, which is far smaller"]
    reading = read(text)
    found = [(fault.at, fault.text) for fault in reading.faults]
    shape: Shape | None = None
    if reading.readable:
        shape, problems = check(reading.data, assertions.kinds())
        faulty = {at for at, _ in found}  # what couldn't be read there isn't also missing
        places = [(reading.at(problem.path, key=problem.key), problem.text) for problem in problems]
        found += [(at, said) for at, said in places if at not in faulty]
    if shape is not None:
        name = os.path.basename(file)
        spots = [reading.at(("assertions", i)) for i in range(len(shape.assertions))]
        shape = replace(shape, places=tuple(Place(file=name, line=line, column=column) for line, column in spots))
    return shape, reading, [f"{_place(file, at)}: {said}" for at, said in sorted(set(found))]


def _place(file: str, at: Spot) -> str:
    return f"{file}:{at[0]}:{at[1]}"


# ---- shapes made in Python


def _walk(data: Any, path: Path) -> Iterator[Path]:
    yield path
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, tuple) else ()
    for key, value in inside:
        yield from _walk(value, (*path, key))


def _foreign(data: Any, path: Path) -> Iterator[Problem]:
    """What no file can hold, and so no shape."""
    if isinstance(data, dict | tuple):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _foreign(value, (*path, key))
    elif not isinstance(data, bool | int | float | str | None) or (isinstance(data, float) and not isfinite(data)):
        said = data if isinstance(data, float) else f"of type {type(data).__name__}"
        yield Problem(path=path, text=f"this is {said}; expected text, a number, true, false, a list or a mapping")


def _unlike(built: Any, given: Any, path: Path) -> Iterator[Problem]:
    """Where a shape says the right thing by the wrong type: a dict for a `Step`, a list for a tuple."""
    wanted = Mapping if isinstance(built, Mapping) else type(built)
    path = (*path, built.kind) if isinstance(built, Rule) else path
    if isinstance(built, Mapping) and isinstance(given, Mapping):
        if set(built) != set(given):
            yield Problem(path=path, text="this has keys that are not text; expected text")
        else:
            for key in built:
                yield from _unlike(built[key], given[key], (*path, key))
    elif isinstance(built, tuple | Mapping) or is_dataclass(built):
        if not isinstance(given, wanted):
            yield Problem(path=path, text=f"this is of type {type(given).__name__}; expected {wanted.__name__}")
        elif isinstance(built, tuple):
            for i, (part, other) in enumerate(zip(built, given, strict=True)):
                yield from _unlike(part, other, (*path, i))
        else:
            for f in fields(built) if is_dataclass(built) else ():
                yield from _unlike(getattr(built, f.name), getattr(given, f.name), (*path, f.name.rstrip("_")))


def _in_python(path: Path) -> str:
    return dotted(path[:2] + path[3:] if path[:1] == ("assertions",) else path)


__all__ = [
    "check_shape",
    "dumps",
    "json_schema",
    "load",
    "load_all",
    "loaded",
    "loads",
    "shipped",
    "with_params",
]
