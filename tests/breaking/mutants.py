"""Small faults in the code of a kind, one at a time: what a hurried hand could have written instead.

In: a kind's source. Out: `Mutant`s: the whole source with one fault in it, where it is and what it says now.
Left alone: examples, docstrings, annotations, `problems` (what the loading of shapes tests), and what only words need
(evidence, service, anomaly, jumped): that has golden tests of its own.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ONLY_WORDS = frozenset({"evidence", "service", "anomaly", "jumped", "excused", "order", "doubt", "why"})
ONLY_WORDS |= {
    "settled_by",
    "topic",
    "raw",
    "allowed",
    "since",
    "instead",
    "limit_ns",
    "wanted",
    "group",
    "message",
    "attempts",
}
CLAIMS = frozenset(
    {"absences", "activators", "activated", "certain", "until_ns", "since_ns", "but_maybes", "spans", "records"}
)
LEFT_ALONE = frozenset({"problems"})
COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
WORDS = {"yes": "no", "no": "unknown", "unknown": "no", "start": "end", "end": "start", "known": "absent"}
WORDS |= {"absent": "unreadable", "unreadable": "known", "business": "plain"}
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
FIELDS = {"lo": "hi", "hi": "lo", "first_ns": "last_ns"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A kind's source with one fault: in `line`, `before` reads `after` now."""

    kind: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """What was changed, without the line: lines move."""
        return f"{self.kind}: {self.before} -> {self.after}"


def mutants(kind: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a kind's source, in the order of the source."""
    tree = ast.parse(source)
    for path in _places(tree):
        for change in _changes(_at(tree, path)):
            broken = copy.deepcopy(tree)
            node = _at(broken, path)
            before = ast.unparse(node)
            after = change(node)
            _put(broken, path, after)
            ast.fix_missing_locations(broken)
            yield Mutant(
                kind=kind,
                line=getattr(node, "lineno", 0),
                before=_short(before),
                after=_short(ast.unparse(after)),
                source=ast.unparse(broken),
            )


Step = tuple[str, int | None]
Path = tuple[Step, ...]


def _places(tree: ast.Module) -> list[Path]:
    """The way to every node that may be changed."""
    found: list[Path] = []

    def visit(node: ast.AST, path: Path) -> None:
        found.append(path)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "args", "bases", "type_params") and not (
                isinstance(node, ast.Call) and name == "args"
            ):
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST) and not _left_alone(child):
                    visit(child, (*path, (name, index)))

    for index, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef):
            visit(node, (("body", index),))
        elif isinstance(node, ast.ClassDef):
            for inner, method in enumerate(node.body):
                if isinstance(method, ast.FunctionDef) and method.name not in LEFT_ALONE:
                    visit(method, (("body", index), ("body", inner)))
    return found


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg in ONLY_WORDS
    if isinstance(node, ast.Assert):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> list[Callable[[ast.AST], ast.AST]]:
    """The faults that this node can get."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARE:
            return [_with(ops=[other()]) for other in COMPARE[type(op)]]
        case ast.BoolOp(op=ast.And()):
            return [_with(op=ast.Or())]
        case ast.BoolOp(op=ast.Or()):
            return [_with(op=ast.And())]
        case ast.UnaryOp(op=ast.Not()):
            return [lambda n: n.operand]  # type: ignore[attr-defined]
        case ast.BinOp(op=ast.Add()):
            return [_with(op=ast.Sub())]
        case ast.BinOp(op=ast.Sub()):
            return [_with(op=ast.Add())]
        case ast.Constant(value=bool() as value):
            return [_with(value=not value)]
        case ast.Constant(value=int() as value):
            return [_with(value=value + 1)]
        case ast.Constant(value=str() as value) if value in WORDS:
            return [_with(value=WORDS[value])]
        case ast.Name(id=name) if name in NAMES:
            return [_with(id=NAMES[name])]
        case ast.Attribute(attr=name) if name in FIELDS:
            return [_with(attr=FIELDS[name])]
        case ast.Call(keywords=given) if any(k.arg in CLAIMS for k in given):
            return [_without(k.arg) for k in given if k.arg in CLAIMS]
        case ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]) if isinstance(node.ctx, ast.Load):
            return [_with(elts=node.elts[:-1])]
        case ast.Continue():
            return [lambda _: ast.Pass()]
        case ast.If() | ast.IfExp():
            return [_with(test=ast.Constant(True)), _with(test=ast.Constant(False))]
        case ast.comprehension():
            return [_with(ifs=[ast.Constant(False)])]
    return []


def _with(**changed: object) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        other = copy.copy(node)
        for name, value in changed.items():
            setattr(other, name, value)
        return other

    return change


def _without(keyword: str | None) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        other = copy.copy(node)
        other.keywords = [k for k in node.keywords if k.arg != keyword]
        return other

    return change


def _at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for name, index in path:
        value = getattr(node, name)
        node = value if index is None else value[index]
    return node


def _put(tree: ast.AST, path: Path, new: ast.AST) -> None:
    *way, (name, index) = path
    owner = _at(tree, tuple(way))
    if index is None:
        setattr(owner, name, new)
    else:
        getattr(owner, name)[index] = new


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else f"{text[:100]} … {text[-57:]}"
