"""OTLP/JSON that isn't as it should be: what of it is known here, and what is wrong with it in words.

In: decoded JSON of a line that doesn't fit the types. Out: the same freed of attribute values of kinds that we don't
know, each of which is noted; sentences that name the innermost field, what was seen and what was expected.
"""

import re
from collections.abc import Mapping

from verifier.sources.assemble import A_VALUE, MAX_DEPTH, VALUES, BadSpan, Spoilt
from verifier.sources.sniff import described, snippet

_TYPES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


def known(span: object, spoilt: list[Spoilt]) -> object:
    """A span as JSON has it, freed of attribute values of kinds that we don't know."""
    if not isinstance(span, dict):
        return span
    clean = {**span, "attributes": known_pairs(span.get("attributes"), spoilt)}
    for name in ("events", "links"):
        if isinstance(parts := span.get(name), list):
            clean[name] = [
                {**part, "attributes": known_pairs(part.get("attributes"), spoilt)} if isinstance(part, dict) else part
                for part in parts
            ]
    return clean


def known_pairs(pairs: object, spoilt: list[Spoilt]) -> object:
    """Attributes, freed of values of kinds that we don't know."""
    if not isinstance(pairs, list):
        return pairs
    return [
        {**pair, "value": _known_value(pair.get("value"), str(pair.get("key")), spoilt)}
        if isinstance(pair, dict)
        else pair
        for pair in pairs
    ]


def _known_value(value: object, key: str, spoilt: list[Spoilt]) -> object:
    """The value without what we don't know; if nothing is left of it, it is spoilt."""
    if not isinstance(value, dict):
        return value
    clean = {name: inner for name, inner in value.items() if name in VALUES}
    if len(clean) < len(value) and all(inner is None for inner in clean.values()):
        spoilt.append(Spoilt(key, described(value), A_VALUE))
    match clean:
        case {"arrayValue": {"values": [*values]} as array}:
            clean["arrayValue"] = {**array, "values": [_known_value(inner, key, spoilt) for inner in values]}
        case {"kvlistValue": {"values": pairs} as kvlist}:
            clean["kvlistValue"] = {**kvlist, "values": known_pairs(pairs, spoilt)}
    return clean


def instead_of(parent: Mapping[str, object], wanted: str) -> str:
    """What an object has that lacks what it should have; empty if nothing."""
    if wanted in parent:
        return ""
    if "instrumentationLibrarySpans" in parent:
        return "; 'instrumentationLibrarySpans' is what OTLP wrote before 0.16: export with a newer SDK or collector"
    others = [snippet(name) for name in parent if name not in ("resource", "scope", "schemaUrl")]
    return f"; it has {', '.join(others[:3])}" if others else ""


def worded(problem: Exception, path: str, value: object) -> str:
    """What is wrong with a value at `path`, in a sentence that names the innermost field."""
    if isinstance(problem, RecursionError):
        return f"{path}: saw values nested too deeply, expected at most {MAX_DEPTH} levels"
    if isinstance(problem, BadSpan):
        return f"{path}.{problem}"
    said = re.fullmatch(r"(?s)Expected `(.*)`, got `.*?`(?: - at `\$(.*)`)?", str(problem))
    if said is None:
        return f"{path}: {problem}"
    inner = said[2] or ""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", inner):
        value = value[name or int(index)]  # type: ignore[index]
    return f"{path}{inner}: saw {snippet(value)}, expected {_words(said[1])}"


def _words(types: str) -> str:
    """msgspec's names of types as people who write JSON call them."""
    return " or ".join(_TYPES.get(name, name) for name in types.split(" | ") if name != "null")
