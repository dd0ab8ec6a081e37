"""The dataclasses of a shape as a schema: for walking data, for building objects, for an editor.

In: the dataclasses of `verifier.shape`, the kinds of assertion. Out: `parts` (each value of some data with what its
place takes), `build` (data -> object by pydantic, strictly), `plain` (object -> data) and `json_schema`.
"""

import json
import types
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, make_dataclass
from functools import cache
from inspect import cleandoc
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from verifier import assertions
from verifier.shape import (
    PYDANTIC,
    AttributeName,
    Duration,
    FactName,
    MachineName,
    Pattern,
    Point,
    Rule,
    Shape,
    StepName,
)
from verifier.specwords import listed
from verifier.specyaml import Path

Class = Any
"""A dataclass; the type checker takes no class for hashable, so that a cached function could not be given one."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SAYS: dict[Any, str] = {
    StepName: "the name of a step",
    Point: "a step, 'start of STEP' or 'end of STEP'",
    FactName: "the name of a fact",
    MachineName: "the name of a machine",
    AttributeName: "the name of an attribute",
    Pattern: "a regular expression",
    Duration: "a duration such as 5m, 1.5s or 250ms, or the name of a param",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


# What a file says of the shape itself; assertions are read one by one, by their kind.
Head: Class = make_dataclass(
    "Head",
    [
        (f.name, f.type, field(default=f.default, default_factory=f.default_factory))
        for f in fields(Shape)
        if f.name not in ("assertions", "places")
    ],
    kw_only=True,
    frozen=True,
)
Head.__pydantic_config__ = PYDANTIC
Head.__doc__ = (Shape.__doc__ or "").partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A value of the data and what its place takes: `chosen` is the type that it has the form of, None if it is none.

    `is_key`: it is a key of a mapping, `path` leads to its value.
    """

    path: Path
    value: Any
    takes: tuple[Any, ...]
    chosen: Any = None
    is_key: bool = False


def names(cls: Class) -> Mapping[str, Any]:
    """The keys of a dataclass in YAML with what each takes, in field order."""
    return {alias: hint for alias, (_, hint) in _keys(cls).items()}


@cache
def _keys(cls: Class) -> dict[str, tuple[Any, Any]]:
    hints = get_type_hints(cls)
    return {f.name.rstrip("_"): (f, hints[f.name]) for f in fields(cls)}


def parts(hint: Any, value: Any, path: Path = (), *, is_key: bool = False) -> Iterator[Part]:
    """Walks data as far as it has the form that it should have; never raises, whatever the data is."""
    takes = _members(hint)
    if isinstance(value, dict):
        chosen = _chosen(takes, value)
        yield Part(path=path, value=value, takes=takes, chosen=chosen)
        if is_dataclass(chosen):
            inner = names(chosen)
            for key in (k for k in value if k in inner):
                yield from parts(inner[key], value[key], (*path, key))
        elif chosen is not None:
            of_key, of_value = get_args(chosen) or (str, Any)
            for key, item in value.items():
                yield from parts(of_key, key, (*path, key), is_key=True)
                yield from parts(of_value, item, (*path, key))
    elif isinstance(value, tuple):
        chosen = next((t for t in takes if get_origin(t) in (tuple, list, AbstractSequence)), None)
        yield Part(path=path, value=value, takes=takes, chosen=chosen)
        of_items = get_args(chosen)
        for i, item in enumerate(value if of_items else ()):
            if get_origin(chosen) is not tuple or of_items[-1] is Ellipsis:
                yield from parts(of_items[0], item, (*path, i))
            elif i < len(of_items):
                yield from parts(of_items[i], item, (*path, i))
    else:
        chosen = next((t for t in takes if isinstance(value, str) and (t is str or isinstance(t, NewType))), None)
        yield Part(path=path, value=value, takes=takes, chosen=chosen, is_key=is_key)


def _members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, None among them where it is optional."""
    if get_origin(hint) is Annotated:
        return _members(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(member for part in get_args(hint) for member in _members(part))
    return (hint,)


def _chosen(takes: tuple[Any, ...], value: Mapping[str, Any]) -> Any:
    """The member of a union that a mapping is meant as: the dataclass with most of its keys, else a mapping."""
    classes = [t for t in takes if isinstance(t, type) and is_dataclass(t)]
    open_ = [t for t in takes if get_origin(t) in (dict, Mapping) or t in (dict, Mapping)]
    best = max(classes, key=lambda c: len(value.keys() & names(c).keys()), default=None)
    return open_[0] if open_ and (best is None or not value.keys() & names(best).keys()) else best


def expected(takes: tuple[Any, ...]) -> str:
    """What a place takes, in words."""
    said: list[str] = []
    for t in takes:
        if t is int and float in takes:
            continue
        if get_origin(t) is Literal:
            said += [str(option) for option in get_args(t)]
        elif t in SAYS:
            said.append(SAYS[t])
        elif isinstance(t, type) and is_dataclass(t):
            said.append(f"a mapping ({', '.join(names(t))})")
        elif get_origin(t) in (dict, Mapping):
            said.append("a mapping")
        elif get_origin(t) in (tuple, list, AbstractSequence):
            items = get_args(t)
            said.append("a list" if items[-1:] == (Ellipsis,) or len(items) != 2 else "a list of two")
    return listed(sorted(set(said), key=said.index), last="or", most=20)


# ---- data -> objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """What pydantic refuses: the value at `path`, or the key that it misses there."""

    path: Path
    labels: tuple[tuple[Path, str], ...]
    missing: str | None = None
    sort: str = ""
    says: str = ""


@cache
def _adapter(cls: Class) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def build(cls: Class, data: Any) -> tuple[Any, list[Misfit]]:
    """The object that some data describes, else None and why.

    By way of JSON, as only there pydantic builds dataclasses from mappings without turning "1" into 1 elsewhere.
    """
    try:
        return _adapter(cls).validate_json(json.dumps(data)), []
    except ValidationError as error:
        return None, [_misfit(data, dict(e)) for e in error.errors(include_url=False, include_input=False)]


def _misfit(data: Any, error: Mapping[str, Any]) -> Misfit:
    """Tells keys of the data from the names of union members, which pydantic mixes in one path."""
    location, path, labels = list(error["loc"]), list[str | int](), []
    missing = location.pop() if error["type"] == "missing" else None
    for part in location:
        inside = part in data if isinstance(data, dict) else isinstance(data, tuple) and part in range(len(data))
        if inside:
            path.append(part)
            data = data[part]
        else:
            labels.append((tuple(path), str(part)))
    return Misfit(
        path=tuple(path),
        labels=tuple(labels),
        missing=missing if isinstance(missing, str) else None,
        sort=error["type"],
        says=error["msg"].removeprefix("Value error, "),
    )


# ---- objects -> data


def plain(value: Any) -> Any:
    """The data that describes an object, what is default left out; what no file can hold stays as it is."""
    if isinstance(value, Rule):
        return {value.kind: {alias: plain(v) for alias, v in _said(value)}}
    if is_dataclass(value) and not isinstance(value, type):
        return {alias: plain(v) for alias, v in _said(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(plain(item) for item in value)
    return value


def _said(value: Any) -> Iterator[tuple[str, Any]]:
    cls: Class = type(value)
    own = [f.name for f in fields(Rule)] if isinstance(value, Rule) else []
    order = sorted(_keys(cls).items(), key=lambda item: item[1][0].name in own)
    for alias, (f, _) in order:
        given = getattr(value, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if alias != "places" and (default is MISSING or type(given) is not type(default) or given != default):
            yield alias, given


def _key(key: Any) -> str:
    return {None: "null", True: "true", False: "false"}.get(key, str(key)) if not isinstance(key, str) else key


# ---- JSON Schema


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a shape's YAML: for completion and for naming typos in an editor."""
    known = assertions.kinds()
    found, shared = TypeAdapter.json_schemas(
        [(name, "validation", _adapter(cls)) for name, cls in {"": Head, **known}.items()], schema_generator=_Schema
    )
    defs = shared["$defs"]
    root = defs.pop(found["", "validation"]["$ref"].rsplit("/", 1)[-1]) if "$ref" in found["", "validation"] else {}
    root = root or dict(found["", "validation"])
    for cls in _classes([Head, *known.values()]):
        _describe(root if cls is Head else defs.get(cls.__name__, {}), cls)
    one = {
        "type": "object",
        "properties": {name: _item_schema(cls, found[name, "validation"]) for name, cls in known.items()},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    root["properties"]["assertions"] = {
        "description": "The rules: each is `- kind: parameters`.",
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [one, {"enum": [name for name, cls in known.items() if not _required(cls)]}]},
    }
    root["required"] = [*root["required"], "assertions"]
    return {"$schema": DIALECT, **root, "title": "Shape", "$defs": dict(sorted(defs.items()))}


def _item_schema(cls: type[Rule], ref: Mapping[str, Any]) -> dict[str, Any]:
    forms: list[Any] = [dict(ref)]
    if alone := getattr(cls, "list_parameter", None):
        forms.append({"$ref": f"{ref['$ref']}/properties/{alone}"})
    if not _required(cls):
        forms.append({"type": "null"})
    head = {"description": cleandoc(cls.__doc__ or "")}
    return head | (forms[0] if len(forms) == 1 else {"anyOf": forms})


def _required(cls: Class) -> list[str]:
    return [a for a, (f, _) in _keys(cls).items() if f.default is MISSING and f.default_factory is MISSING]


def _classes(hints: Iterable[Any]) -> Iterator[Class]:
    """Every dataclass that these types are made of, once."""
    todo, seen = list(hints), set[Any]()
    while todo:
        hint = todo.pop()
        todo += get_args(hint)
        if isinstance(hint, type) and is_dataclass(hint) and hint not in seen:
            seen.add(hint)
            todo += names(hint).values()
            yield hint


def _describe(schema: dict[str, Any], cls: Class) -> None:
    """Says of each key of a class what it takes, where its type says more than "text"."""
    for key, hint in names(cls).items():
        takes = tuple(t for t in _members(hint) if t is not types.NoneType)
        if any(isinstance(t, NewType) for t in takes) and key in schema.get("properties", {}):
            said = expected(takes)
            schema["properties"][key].setdefault("description", f"{said[0].upper()}{said[1:]}.")
