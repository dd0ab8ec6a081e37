"""YAML text to plain data with the place of every key and value, and plain data to YAML text.

In: text that nobody vouches for. Out: a `Reading`: mappings as dict with text keys, lists as tuple, and scalars by the
core schema only: null, true/false, numbers; all else is text (`yes`, `22:30`, `010`, dates). Nothing else is ever
constructed; depth and number of values are bounded, aliases included.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

MOST_VALUES = 50_000
MOST_DEPTH = 40

Path = tuple[str | int, ...]
"""Where something is in the data: keys, and indexes of lists."""
Spot = tuple[int, int]
"""Line and column, both from 1."""

_TAG = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _BOOL, _NULL, _MERGE = (_TAG + t for t in ("str", "int", "float", "bool", "null", "merge"))
_PLAIN = (
    (_NULL, re.compile(r"null|Null|NULL|~|")),
    (_BOOL, re.compile(r"true|True|TRUE|false|False|FALSE")),
    (_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]{0,299})")),
    (
        _FLOAT,
        re.compile(r"[-+]?(?:\.[0-9]{1,300}|[0-9]{1,300}\.[0-9]{0,300}|[0-9]{1,300}(?=[eE]))(?:[eE][-+]?[0-9]{1,4})?"),
    ),
)
# What the parser says -> what we say. The first that its sentence contains.
_PLAIN_WORDS = (
    ("but found another document", "there are several documents; a file holds one shape: remove the '---'"),
    ("character '\\t'", "a tab can't indent here; use spaces"),
    ("mapping values are not allowed", "a ':' is not expected here; check the indentation, or put the text in quotes"),
    ("could not find expected ':'", "a key without ':'; expected 'key: value'"),
    ("found undefined alias", "the alias has no anchor ('&name') above it"),
    ("expected ',' or ']'", "the list is not closed here; expected ',' or ']'"),
    ("expected ',' or '}'", "the mapping is not closed here; expected ',' or '}'"),
    ("expected <block end>", "this doesn't fit the lines above; check the indentation and the quotes"),
    ("found unexpected end of stream", "the quote that opens here is never closed"),
    ("found duplicate anchor", "the anchor's name is taken"),
    ("found unknown escape character", "no such escape in double quotes; use single quotes for a plain '\\'"),
    ("that cannot start any token", "this character can't begin a value; put the text in quotes"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that the text itself has wrong."""

    at: Spot
    text: str


@dataclass(slots=True, kw_only=True)
class Reading:
    """Data read from a text; `readable` is False where the text is no YAML at all."""

    data: Any = None
    readable: bool = True
    keys: dict[Path, Spot] = field(default_factory=dict)
    values: dict[Path, Spot] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def at(self, path: Path, *, key: bool = False) -> Spot:
        """Where a value (or its key) is written; what isn't, is where the nearest thing around it is."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, (1, 1))


def read(text: str) -> Reading:
    """The data of one YAML document. Never raises: what is wrong is in `faults`."""
    out = Reading()
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise _Refused((1, 1), "the file is empty; expected a shape, which begins with 'shape: NAME'")
        out.data = _Unfold(out).value(node, ())
    except _Refused as refused:
        out.faults.append(Fault(at=refused.at, text=refused.text))
        out.readable = False
    except ReaderError as error:
        before = text[: error.position]
        at = (before.count("\n") + 1, error.position - before.rfind("\n"))
        out.faults.append(Fault(at=at, text=f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"))
        out.readable = False
    except yaml.MarkedYAMLError as error:
        out.faults.append(_syntax(error))
        out.readable = False
    except (ValueError, OverflowError, RecursionError):  # an escape like \U99999999, a directive of 5,000 digits
        at = (loader.line + 1, loader.column + 1) if loader else (1, 1)
        out.faults.append(Fault(at=at, text="this is no YAML: a number or an escape is out of range"))
        out.readable = False
    return out


def core_tag(text: str) -> str:
    """The tag of a scalar without quotes, by YAML's core schema."""
    for tag, pattern in _PLAIN:
        if pattern.fullmatch(text):
            return _STR if tag == _FLOAT and math.isinf(float(text)) else tag
    return _STR


class _Refused(Exception):
    def __init__(self, at: Spot, text: str) -> None:
        super().__init__(text)
        self.at, self.text = at, text


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to its nodes, with no constructor; written in Python throughout, as C recurses without a limit."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.nodes = self.depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MOST_VALUES or self.depth > MOST_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _too_much((mark.line + 1, mark.column + 1))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode and implicit[0]:
            return _MERGE if value == "<<" else core_tag(value)
        return {ScalarNode: _STR, SequenceNode: _TAG + "seq"}.get(kind, _TAG + "map")


class _Unfold:
    """Nodes to data; an alias is written out each time that it is used, so the values are counted again."""

    def __init__(self, out: Reading) -> None:
        self.out = out
        self.count = 0
        self.open: set[int] = set()

    def value(self, node: Node, path: Path) -> Any:
        self.out.values[path] = _spot(node)
        self._count(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if node.tag not in (_TAG + "seq", _TAG + "map"):
            return self._fault(node, _no_tag(node))
        if id(node) in self.open:
            return self._fault(node, "an alias can't stand inside its own anchor")
        if len(path) >= MOST_DEPTH:
            raise _too_much(_spot(node))
        self.open.add(id(node))
        value: Any
        if isinstance(node, SequenceNode):
            value = tuple(self.value(item, (*path, i)) for i, item in enumerate(node.value))
        else:
            assert isinstance(node, MappingNode)
            value = {}
            for key, key_node, value_node in self._pairs(node):
                if key not in value:
                    self.out.keys[*path, key] = _spot(key_node)
                    value[key] = self.value(value_node, (*path, key))
        self.open.discard(id(node))
        return value

    def _pairs(self, node: MappingNode) -> Iterator[tuple[str, Node, Node]]:
        """Its own keys, then what it merges: the first that has a key gives its value."""
        seen: dict[str, int] = {}
        merges = []
        for key_node, value_node in node.value:
            self._count(key_node)
            if key_node.tag == _MERGE:
                merges.append(value_node)
            elif not isinstance(key_node, ScalarNode):
                self._fault(key_node, "a key must be text")
            else:
                value = self._scalar(key_node)
                key = "null" if value is None else str(key_node.value)
                if key in seen:
                    self._fault(key_node, f"the key {show(key)} is there twice; the first is in line {seen[key]}")
                else:
                    seen[key] = _spot(key_node)[0]
                    yield key, key_node, value_node
        for merge in merges:
            for part in merge.value if isinstance(merge, SequenceNode) else [merge]:
                if not isinstance(part, MappingNode):
                    self._fault(part, "'<<' takes a mapping or a list of mappings")
                elif id(part) in self.open:
                    self._fault(part, "an alias can't stand inside its own anchor")
                else:
                    self.open.add(id(part))
                    yield from self._pairs(part)
                    self.open.discard(id(part))

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        if any("\ud800" <= c <= "\udfff" for c in text):
            return self._fault(node, "half of a surrogate pair is no character; write the character itself")
        if node.tag in (_STR, _MERGE):
            return text
        if node.tag not in (_INT, _FLOAT, _BOOL, _NULL):
            return self._fault(node, _no_tag(node))
        if core_tag(text) != node.tag and not (node.tag == _FLOAT and core_tag(text) == _INT):
            return self._fault(node, f"{show(text)} is no {node.tag.removeprefix(_TAG)}")
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL:
            return text.lower() == "true"
        return int(text) if node.tag == _INT else float(text)

    def _count(self, node: Node) -> None:
        self.count += 1
        if self.count > MOST_VALUES:
            raise _too_much(_spot(node))

    def _fault(self, node: Node, text: str) -> None:
        fault = Fault(at=_spot(node), text=text)
        if fault not in self.out.faults:
            self.out.faults.append(fault)


def _spot(node: Node) -> Spot:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


def _no_tag(node: Node) -> str:
    return f"the tag {show(node.tag.replace(_TAG, '!!'))} is not read; write plain values"


def _too_much(at: Spot) -> _Refused:
    text = f"the file is too big; expected at most {MOST_VALUES:,} values, aliases written out, and {MOST_DEPTH} levels"
    return _Refused(at, text)


def _syntax(error: yaml.MarkedYAMLError) -> Fault:
    problem = error.problem or error.context or "it can't be read"
    mark = error.context_mark if "unexpected end of stream" in problem else error.problem_mark
    mark = mark or error.problem_mark or error.context_mark
    said = next((ours for theirs, ours in _PLAIN_WORDS if theirs in problem), f"this is no YAML: {problem}")
    return Fault(at=(mark.line + 1, mark.column + 1) if mark else (1, 1), text=said)


def show(text: str, most: int = 60) -> str:
    """Text of a file in quotes for a message: on one line, nothing unprintable, not too long."""
    return repr(text if len(text) <= most else text[: most - 1] + "…")


# ---- writing


def write(data: Mapping[str, Any], *, width: int = 100) -> str:
    """YAML of a mapping: what fits on a line is on one, a blank line around the parts of the top level that don't."""
    text = yaml.serialize(_node(data, (), width), Dumper=_Dumper, width=10**9, allow_unicode=True)
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and line[:1].strip() and (line.endswith(":") or lines[-1][:1] == " "):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


class _Dumper(yaml.SafeDumper):
    """Leaves a text without quotes only where YAML 1.1 and the core schema both read it as text."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        old = str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]
        return old if kind is not ScalarNode or not implicit[0] or core_tag(value) == old else "tag:ambiguous"

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _node(value: Any, path: Path, width: int) -> Node:
    """In brackets what is short and not at the top; an assertion's kind begins a line."""
    if not isinstance(value, Mapping | tuple):
        return _scalar(value, path)
    flat = not any(
        isinstance(p, Mapping | tuple) and p for p in (value.values() if isinstance(value, Mapping) else value)
    )
    item = bool(path) and isinstance(path[-1], int) and isinstance(value, Mapping) and len(value) == 1  # - kind: {…}
    room = width - 2 * len(path) - len(str(path[-1] if path else ""))
    top = len(path) <= (0 if flat else 1) or path == ("assertions",)
    flow = not value or not (item or top or len(repr(value).replace("'", "")) > room)
    if isinstance(value, tuple):
        items = [_node(part, (*path, i), width) for i, part in enumerate(value)]
        return SequenceNode(_TAG + "seq", items, flow_style=flow)
    pairs = [(_key(k), _node(v, (*path, k), width)) for k, v in value.items()]
    return MappingNode(_TAG + "map", pairs, flow_style=flow)


def _key(key: str) -> Node:
    # a key is text whatever it looks like, and `null: NONE` reads better than with quotes
    return ScalarNode(_NULL, key) if key == "null" else _text(key)


def _scalar(value: Any, path: Path) -> Node:
    if value is None:
        return ScalarNode(_NULL, "null")
    if isinstance(value, bool):
        return ScalarNode(_BOOL, str(value).lower())
    if isinstance(value, int):
        return ScalarNode(_INT, str(value))
    if isinstance(value, float):
        text = repr(value)
        return ScalarNode(_FLOAT, text if "." in text else text.replace("e", ".0e"))
    tidy = len(path) == 1 and re.fullmatch(r"(?:[!-~](?:[ -~]*[!-~])?\n)+", value)
    return ScalarNode(_STR, value, style="|") if tidy else _text(value)


def _text(value: str) -> Node:
    # PyYAML folds the breaks of YAML 1.1 into other quotes and so loses them
    return ScalarNode(_STR, value, style='"' if any(c in value for c in "\n\r\x85\u2028\u2029") else None)
