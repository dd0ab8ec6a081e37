"""Shapes as YAML: what is read, what is refused and in which words, and that writing and reading agree."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from verifier import assertions, specfile
from verifier.errors import SpecError, UsageError, VerifierError
from verifier.shape import (
    PYDANTIC,
    Condition,
    Correlation,
    Duration,
    Ends,
    Except,
    Fact,
    Machine,
    MovesBy,
    Place,
    Rule,
    Shape,
    Stay,
    Step,
    StepName,
)
from verifier.specfile import check_shape, dumps, json_schema, load, load_all, loads, shipped, with_params
from verifier.specmeaning import bad_pattern
from verifier.specyaml import read

KINDS = assertions.kinds()

SMALL = """\
shape: order
params: {hop: 5m}
flow: {key: order_id}
facts: {lane: [{attribute: lane}]}
when: {lane: fast}
steps: {placed: {span: place}, paid: {span: pay}}
machines: {order: {moves_by: {step: placed, from: a, to: b}, initial: open, moves: {open: [closed]}}}
assertions:
- never: {step: paid, after: placed}
"""

BIG = """\
# yaml-language-server: $schema=shape.schema.json
shape: regular
about: From registration to ready.

params:                                   # set from outside
  hop: 5m
  people: 26h
  auto_confirm_after: 24h
  monitor_interval: 65m

attributes:
  batch_id:    [batch_id, data.batch_id, data.entity_id]
  course_code: [course_code, data.course_code]

flow:
  key: batch_id
  routes: ["/v1/batches/{batch_id}/confirm", "/v1/batches/{batch_id}/pipelines"]
  aliases: [correlation_id]
  ends: {steps: [ready]}
  gives_up: 26h

facts:
  class_type:
    - attribute: class_type
    - {record: essays.registered, field: data.class_id, map: {null: GUEST, else: REGULAR}}
  expected_essays:
    - {record: essays.registered, field: data.expected_essay_count}
    - attribute: expected_essay_count

when: {class_type: REGULAR}

steps:
  register:      {service: orchestrator, span: POST /v1/batches/register}
  registered:    {service: essays, span: consume.essays.registered}
  content:       {service: essays, span: consume.content, identity: [data.file_upload_id]}
  content_done:  {service: orchestrator, span: [consume.done, consume.content.done],
                  except: {event: batch.status.transition, where: {applied: false}}}
  command:       {service: essays, span: consume.command}
  requested:     {record: matching.requested}
  suggested:     {record: matches.suggested}
  confirmation:  {record: associations.confirmed, identity: [data]}
  by_teacher:    {record: associations.confirmed, identity: [data], where: {data.timeout_triggered: false}}
  by_timeout:    {record: associations.confirmed, identity: [data], where: {data.timeout_triggered: true}}
  els_confirmed: {service: essays, span: consume.confirmed}
  confirmed:     {service: orchestrator, span: [consume.confirmed, consume.associations]}
  ready:         {service: orchestrator, span: [consume.ready]}
  change:        {event: batch.status.transition, where: {applied: true}}

machines:
  batch:
    moves_by: {step: change, from: from, to: to}
    initial: waiting
    final: [ready]
    moves:
      waiting: [validating, failed]
      validating: [validated]
      validated: [ready]
      "*": [cancelled]
    stays:
      validating: {at_most: people, clock: business}
      validated: {at_most: hop}

assertions:
  - sequence:
    - register
    - content_done: {within: people}
    - command: {within: hop}
    - confirmed: {within: people}
    - ready: {within: hop}
  - leads_to: {step: register, then: registered, within: hop}
  - precedes: {first: end of confirmed, then: start of ready}
  - occurs: {step: content, times: {fact: expected_essays}}
  - occurs: {step: confirmation, times: 1}
  - occurs: {step: ready, times: "0..1", for_each: [event_id]}
  - never: {step: content_done, after: ready}
  - timeout: {step: suggested, cancelled_by: by_teacher, then: by_timeout, due_after: auto_confirm_after,
              grace: monitor_interval, clock: business}
  - propagates: {attribute: course_code, through: [registered, content_done, ready], one_of: [ENG5, SV1]}
  - has: {step: ready, if: {confidence: {ge: 0.7}}, then: {outcome: original}, else: {outcome: unknown}}
  - conforms: {machine: batch}
  - no_errors: {}
"""


def problems(text: str) -> list[str]:
    """What is wrong with a text, the file named `f`."""
    with pytest.raises(SpecError) as error:
        loads(text, file="f")
    return list(error.value.problems)


def small(line: int, new: str) -> str:
    """The small shape with another text for one of its lines."""
    lines = SMALL.splitlines()
    lines[line - 1] = new
    return "\n".join(lines) + "\n"


def rule(text: str) -> str:
    """The small shape with another assertion (in line 9, its kind in column 3)."""
    return small(9, f"- {text}")


def machine(text: str) -> str:
    """The small shape with another machine."""
    return small(7, f"machines: {{m: {{moves_by: {{step: placed, from: a, to: b}}, {text}}}}}")


def test_small_shape_loads() -> None:
    """The base of the refusals below is itself right, so that each names only what it changes."""
    assert loads(SMALL).ids() == ("never-1",)


def test_big_shape_says_what_it_says() -> None:
    """Every part of the language arrives in its field."""
    shape = loads(BIG, file="shapes/regular.yaml")
    assert shape.facts["class_type"][1].map == {"null": "GUEST", "else": "REGULAR"}
    assert shape.steps["content_done"].except_ == Except(event="batch.status.transition", where={"applied": False})
    assert shape.machines["batch"].moves_by == MovesBy(step="change", from_="from", to="to")  # type: ignore[arg-type]
    assert shape.machines["batch"].stays["validated"] == Stay(at_most=Duration("hop"))
    assert [r.kind for r in shape.assertions[:3]] == ["sequence", "leads_to", "precedes"]
    assert shape.assertions[9].if_ == {"confidence": Condition(ge=0.7)}  # type: ignore[attr-defined]
    assert shape.assertions[11] == KINDS["no_errors"]()
    assert shape.places is not None
    assert shape.places[0] == Place(file="regular.yaml", line=64, column=5)
    assert str(shape.places[1]) == "regular.yaml:70"


REFUSED = {
    # the shape itself
    "name": (small(1, "shape: an order"), "f:1:8: the shape's name is 'an order'; expected letters, digits, '_', '.' and '-' only"),
    "name no text": (small(1, "shape: 5"), "f:1:8: 'shape' of the shape is 5; expected text; put it in quotes"),
    "no name": (small(1, ""), "f:2:1: the shape needs 'shape'"),
    "no flow": (small(3, ""), "f:1:1: the shape needs 'flow'"),
    "key": (small(2, "parms: {}"), "f:2:1: the shape has no key 'parms'; did you mean 'params'?"),
    "key far off": (
        small(2, "zzz: {}"),
        "f:2:1: the shape has no key 'zzz'; it has: shape, about, params, attributes, flow, facts, when, steps and machines",
    ),
    "places": (small(2, "places: []"), "f:2:1: the shape has no key 'places'; it has: shape, about, params, attributes, flow, facts, when, steps and machines"),
    "no mapping": ("- a", "f:1:1: a shape is a mapping that begins with 'shape: NAME'; this is a list"),
    "empty": ("", "f:1:1: the file is empty; expected a shape, which begins with 'shape: NAME'"),
    "only a mark": ("---\n", "f:1:4: a shape is a mapping that begins with 'shape: NAME'; this is empty"),
    # params and durations
    "param": (small(2, "params: {hop: 5x}"), "f:2:15: param 'hop' is '5x'; expected a duration such as 5m, 1.5s or 250ms"),
    "param number": (small(2, "params: {hop: 5}"), "f:2:15: param 'hop' is 5; expected a duration such as 5m, 1.5s or 250ms"),
    "param like a duration": (small(2, "params: {5m: 5m}"), "f:2:10: param '5m' is named like a duration; expected a word"),
    "duration": (
        rule("leads_to: {step: paid, then: placed, within: 5x}"),
        "f:9:48: 'within' of assertion 'leads_to' is '5x'; expected a duration such as 5m, 1.5s or 250ms, "
        "or the name of a param; the shape has the params: hop",
    ),
    "param misspelt": (
        rule("leads_to: {step: paid, then: placed, within: hopp}"),
        "f:9:48: 'within' of assertion 'leads_to' is 'hopp'; expected a duration such as 5m, 1.5s or 250ms, "
        "or the name of a param; did you mean 'hop'?",
    ),
    "duration number": (
        small(3, "flow: {key: order_id, gives_up: 5}"),
        "f:3:33: 'gives_up' of 'flow' is 5; expected a duration such as 5m, 1.5s or 250ms, or the name of a param",
    ),
    # flow
    "route": (
        small(3, 'flow: {key: order_id, routes: ["/o/{order}"]}'),
        "f:3:32: 'routes[0]' of 'flow' is '/o/{order}'; expected the key in braces: '{order_id}'",
    ),
    "ends": (
        small(3, "flow: {key: order_id, ends: {steps: [payd]}}"),
        "f:3:38: 'ends.steps[0]' of 'flow': there is no step 'payd'; did you mean 'paid'?",
    ),
    "ends never": (
        small(3, "flow: {key: order_id, ends: {steps: []}}"),
        "f:3:37: 'ends.steps' of 'flow' is an empty list; expected at least one step",
    ),
    # facts
    "fact twice": (
        small(4, "facts: {lane: [{attribute: lane, record: r}]}"),
        "f:4:16: place 1 of fact 'lane' needs exactly one of 'attribute' or 'record' (with 'field'); it has both",
    ),
    "fact nowhere": (
        small(4, "facts: {lane: [{}]}"),
        "f:4:16: place 1 of fact 'lane' needs exactly one of 'attribute' or 'record' (with 'field'); it has neither",
    ),
    "fact field": (
        small(4, "facts: {lane: [{record: r}]}"),
        "f:4:16: place 1 of fact 'lane' needs 'field': where the value is in the record",
    ),
    "fact map": (
        small(4, "facts: {lane: [{attribute: a, map: {x: y}}]}"),
        "f:4:31: place 1 of fact 'lane' has 'map', which only goes with 'record'",
    ),
    "fact empty": (small(4, "facts: {lane: []}"), "f:4:15: fact 'lane' has no place to read it from; expected at least one"),
    "fact no list": (small(4, "facts: {lane: {attribute: a}}"), "f:4:15: fact 'lane' is a mapping; expected a list"),
    "fact misspelt": (
        small(4, "facts: {lane: [{atribute: a}]}"),
        "f:4:17: place 1 of fact 'lane' has no key 'atribute'; did you mean 'attribute'?",
    ),
    "when": (small(5, "when: {lain: x}"), "f:5:8: 'when' of the shape: there is no fact 'lain'; did you mean 'lane'?"),
    "when of a rule": (
        rule("never: {step: paid, when: {speed: 1}}"),
        "f:9:29: 'when' of assertion 'never': there is no fact 'speed'; the shape has: lane",
    ),
    # steps
    "step of nothing": (
        small(6, "steps: {placed: {service: s}, paid: {span: p}}"),
        "f:6:17: step 'placed' needs exactly one of 'span', 'event' or 'record'; it has none",
    ),
    "step of two": (
        small(6, "steps: {placed: {span: s, event: e}, paid: {span: p}}"),
        "f:6:17: step 'placed' needs exactly one of 'span', 'event' or 'record'; it has 'span' and 'event'",
    ),
    "step misspelt": (
        small(6, "steps: {placed: {spam: s}, paid: {span: p}}"),
        "f:6:18: step 'placed' has no key 'spam'; did you mean 'span'?",
    ),
    "step of no name": (
        small(6, "steps: {placed: {span: []}, paid: {span: p}}"),
        "f:6:24: 'span' of step 'placed' names nothing; expected a name or several",
    ),
    "kind of a record": (
        small(6, "steps: {placed: {record: r, kind: server}, paid: {span: p}}"),
        "f:6:29: step 'placed' has 'kind', which only goes with 'span'",
    ),
    "status of an event": (
        small(6, "steps: {placed: {event: r, status: any}, paid: {span: p}}"),
        "f:6:28: step 'placed' has 'status', which only goes with 'span'",
    ),
    "carries of an event": (
        small(6, "steps: {placed: {event: r, carries: [a]}, paid: {span: p}}"),
        "f:6:28: step 'placed' has 'carries', which only goes with 'span'",
    ),
    "literal": (
        small(6, "steps: {placed: {span: s, status: okay}, paid: {span: p}}"),
        "f:6:35: 'status' of step 'placed' is 'okay'; expected ok, error or any; did you mean 'ok'?",
    ),
    "python spelling": (
        small(6, "steps: {placed: {span: s, except_: {event: e}}, paid: {span: p}}"),
        "f:6:27: step 'placed' has no key 'except_'; did you mean 'except'?",
    ),
    "text for a list": (
        small(6, "steps: {placed: {span: s, identity: a}, paid: {span: p}}"),
        "f:6:37: 'identity' of step 'placed' is 'a'; expected a list, also of one: [a]",
    ),
    "union of text and list": (
        small(6, "steps: {placed: {span: [s, 1]}, paid: {span: p}}"),
        "f:6:28: 'span[1]' of step 'placed' is 1; expected text; put it in quotes",
    ),
    "no step": (
        small(6, "steps: {placed: , paid: {span: p}}"),
        "f:6:17: step 'placed' is empty; expected a mapping (service, span, event, record, kind, status, where, "
        "except, identity, carries, shared, optional)",
    ),
    "yes is text": (
        small(6, "steps: {placed: {span: s, shared: yes}, paid: {span: p}}"),
        "f:6:35: 'shared' of step 'placed' is 'yes'; expected true or false",
    ),
    # conditions
    "condition key": (
        small(5, "when: {lane: {lee: 1}}"),
        "f:5:15: 'when.lane' of the shape has no key 'lee'; did you mean 'le'?",
    ),
    "condition value": (
        small(5, "when: {lane: {lt: x}}"),
        "f:5:19: 'when.lane.lt' of the shape is 'x'; expected a number",
    ),
    "condition union": (
        small(5, "when: {lane: [1]}"),
        "f:5:14: 'when.lane' of the shape is a list; expected a mapping (eq, ne, lt, le, gt, ge, in, not_in, "
        "matches, exists), true or false, a number or text",
    ),
    "condition of nothing": (
        small(5, "when: {lane: {}}"),
        "f:5:14: 'when.lane' of the shape is a condition that says nothing; expected a value or eq, ne, lt, le, gt, "
        "ge, in, not_in, matches or exists",
    ),
    "pattern": (
        small(5, "when: {lane: {matches: (}}"),
        "f:5:24: 'when.lane.matches' of the shape is '(': it is no regular expression: missing ), "
        "unterminated subpattern at position 0",
    ),
    "pattern that hangs": (
        small(5, "when: {lane: {matches: (a+)+}}"),
        "f:5:24: 'when.lane.matches' of the shape is '(a+)+': a repeat inside a repeat, like (a+)+, can take for "
        "ever; write it as one repeat, like [ab]+ for (a+|b+)+",
    ),
    # machines
    "machine step": (
        small(7, "machines: {m: {moves_by: {step: placd, from: a, to: b}, initial: open, moves: {open: []}}}"),
        "f:7:33: 'moves_by.step' of machine 'm': there is no step 'placd'; did you mean 'placed'?",
    ),
    "initial": (
        machine("initial: opn, moves: {open: []}"),
        "f:7:66: 'initial' of machine 'm' is 'opn', a state that 'moves' doesn't name; did you mean 'open'?",
    ),
    "final": (
        machine("initial: open, final: [x], moves: {open: [done]}"),
        "f:7:80: 'final[0]' of machine 'm' is 'x', a state that 'moves' doesn't name; 'moves' has: done and open",
    ),
    "stays": (
        machine("initial: open, moves: {open: []}, stays: {opn: {at_most: 1h}}"),
        "f:7:99: 'stays' of machine 'm' is 'opn', a state that 'moves' doesn't name; did you mean 'open'?",
    ),
    "star as target": (
        machine('initial: open, moves: {open: ["*"]}'),
        "f:7:87: 'moves.open[0]' of machine 'm' is '*', which is no state; it may only be a key of 'moves'",
    ),
    # assertions
    "parameter": (
        rule("leads_to: {step: paid, then: placed, limitt: 5m}"),
        "f:9:40: assertion 'leads_to' has no parameter 'limitt'; did you mean 'within'?",
    ),
    "parameter misspelt": (
        rule("never: {stp: paid}"),
        "f:9:11: assertion 'never' has no parameter 'stp'; did you mean 'step'?",
    ),
    "parameter missing": (rule("never: {}"), "f:9:10: assertion 'never' needs 'step'"),
    "bare kind": (rule("never"), "f:9:3: assertion 'never' needs 'step'"),
    "kind": (rule("nevr: {step: paid}"), "f:9:3: there is no assertion 'nevr'; did you mean 'never'?"),
    "kind by its term": (rule("response: {}"), "f:9:3: there is no assertion 'response'; did you mean 'leads_to'?"),
    "step": (
        rule("never: {step: payd}"),
        "f:9:17: 'step' of assertion 'never': there is no step 'payd'; did you mean 'paid'?",
    ),
    "point": (
        rule("never: {step: paid, before: end of plced}"),
        "f:9:31: 'before' of assertion 'never': there is no step 'plced'; did you mean 'placed'?",
    ),
    "key that is a step": (
        rule("sequence: [placed, {pad: {within: 5m}}]"),
        "f:9:23: 'steps[1]' of assertion 'sequence': there is no step 'pad'; did you mean 'paid'?",
    ),
    "misspelt in a part": (
        rule("sequence: [placed, {paid: {withn: 5m}}]"),
        "f:9:30: 'steps[1].paid' of assertion 'sequence' has no key 'withn'; did you mean 'within'?",
    ),
    "list item": (
        rule("sequence: [placed, 5]"),
        "f:9:22: 'steps[1]' of assertion 'sequence' is 5; expected the name of a step or a mapping",
    ),
    "between one": (
        rule("never: {step: paid, between: [placed]}"),
        "f:9:32: 'between' of assertion 'never' is a list of 1; expected a list of 2",
    ),
    "between three": (
        rule("never: {step: paid, between: [placed, paid, paid]}"),
        "f:9:32: 'between' of assertion 'never' is a list of 3; expected a list of 2",
    ),
    "times": (
        rule('occurs: {step: paid, times: "3..1"}'),
        "f:9:31: 'times' of assertion 'occurs' is '3..1'; expected 1, '>=1', '0..1' or {fact: NAME}",
    ),
    "times below zero": (
        rule("occurs: {step: paid, times: -1}"),
        "f:9:31: 'times' of assertion 'occurs' is -1; expected 1, '>=1', '0..1' or {fact: NAME}",
    ),
    "times a bool": (
        rule("occurs: {step: paid, times: true}"),
        "f:9:31: 'times' of assertion 'occurs' is true; expected 1, '>=1', '0..1' or {fact: NAME}",
    ),
    "times of a fact": (
        rule("occurs: {step: paid, times: {fact: lan}}"),
        "f:9:38: 'times.fact' of assertion 'occurs': there is no fact 'lan'; did you mean 'lane'?",
    ),
    "machine": (
        rule("conforms: {machine: ordr}"),
        "f:9:23: 'machine' of assertion 'conforms': there is no machine 'ordr'; did you mean 'order'?",
    ),
    "parameters a list": (
        rule("never: [paid]"),
        "f:9:10: assertion 'never' is a list; expected a mapping (id, when, after, before, between, step)",
    ),
    "no kind": (rule("5"), "f:9:3: assertion number 1 is 5; expected 'kind: parameters'"),
    "indentation": (
        rule("never:\n  step: paid"),
        "f:9:3: assertion number 1 has the keys 'never' and 'step'; expected one, its kind; "
        "indent its parameters under 'never:'",
    ),
    "id taken": (
        rule("never: {step: paid, id: x}\n- never: {step: placed, id: x}"),
        "f:10:29: the id 'x' is taken by assertion number 1; expected one of its own",
    ),
    "id like a number": (
        rule("never: {step: paid, id: never-2}\n- never: {step: placed}"),
        "f:10:10: the id 'never-2' is taken by assertion number 1; expected one of its own",
    ),
    "no assertions": (
        SMALL[: SMALL.index("assertions")],
        "f:1:1: the shape has no assertions; expected a list under 'assertions' with at least one",
    ),
    "empty assertions": (
        SMALL[: SMALL.index("assertions")] + "assertions: []",
        "f:8:13: the shape has no assertions; expected a list under 'assertions' with at least one",
    ),
    "assertions no list": (
        SMALL[: SMALL.index("assertions")] + "assertions: {never: {step: paid}}",
        "f:8:13: 'assertions' is a mapping; expected a list of '- kind: parameters'",
    ),
    "of the kind itself": (rule("has: {step: paid}"), "f:9:15: 'has' needs a condition: `where`, or `if` with `then` or `else`"),
    # YAML
    "key twice": (SMALL + "shape: again\n", "f:10:1: the key 'shape' is there twice; the first is in line 1"),
    "tab": ("shape:\n\tx: 1", "f:2:1: a tab can't indent here; use spaces"),
    "colon": ("shape: a: b", "f:1:9: a ':' is not expected here; check the indentation, or put the text in quotes"),
    "open list": ("shape: [1", "f:1:10: the list is not closed here; expected ',' or ']'"),
    "open mapping": ("shape: {a: 1", "f:1:13: the mapping is not closed here; expected ',' or '}'"),
    "open quote": ("shape: 'a", "f:1:8: the quote that opens here is never closed"),
    "no such alias": ("shape: *a", "f:1:8: the alias has no anchor ('&name') above it"),
    "at sign": ("shape: @a", "f:1:8: this character can't begin a value; put the text in quotes"),
    "two documents": (SMALL + "---\nshape: b\n", "f:10:1: there are several documents; a file holds one shape: remove the '---'"),
    "control character": ("shape: \x07", "f:1:8: the character U+0007 is not allowed in YAML"),
    "escape": ('shape: "\\U99999999"', "f:1:11: this is no YAML: a number or an escape is out of range"),
    "surrogate": (small(1, 'shape: order\nabout: "\\ud800"'), "f:2:8: half of a surrogate pair is no character; write the character itself"),
    "object": (
        small(1, "shape: order\nabout: !!python/object/apply:os.system [ls]"),
        "f:2:8: the tag '!!python/object/apply:os.system' is not read; write plain values",
    ),
    "deep": (
        "shape: " + "[" * 200,
        "f:1:48: the file is too big; expected at most 50,000 values, aliases written out, and 40 levels",
    ),
    "in itself": (small(2, "params: &a {hop: 5m, <<: *a}"), "f:2:9: an alias can't stand inside its own anchor"),
    "merge of a number": (small(2, "params: {hop: 5m, <<: 5}"), "f:2:23: '<<' takes a mapping or a list of mappings"),
    "key a list": (small(2, "params: {[a]: 5m}"), "f:2:10: a key must be text"),
    "too long": ("#" * 2**20 + "\n", "f:1:1: the text is over 1 MiB; expected a shape, which is far smaller"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str) -> None:
    """Each fault is one problem, in these words and at this place."""
    text, expected = REFUSED[name]
    assert problems(text) == [expected]


def test_all_problems_at_once_sorted() -> None:
    """Faults of form, of reference and of YAML are all reported in one run, in the order of the lines."""
    text = """\
shape: an order
parms: {}
flow: {key: id, ends: {steps: [one]}}
steps:
  one: {span: a, statuss: any}
  two: {spann: b}
  one: 3
machines: 3
assertions:
- never: {step: too}
- nevr: {step: one}
- never: {step: two, after: [one]}
"""
    assert problems(text) == [
        "f:1:8: the shape's name is 'an order'; expected letters, digits, '_', '.' and '-' only",
        "f:2:1: the shape has no key 'parms'; did you mean 'params'?",
        "f:5:18: step 'one' has no key 'statuss'; did you mean 'status'?",
        "f:6:9: step 'two' has no key 'spann'; did you mean 'span'?",
        "f:7:3: the key 'one' is there twice; the first is in line 5",
        "f:8:11: 'machines' of the shape is 3; expected a mapping",
        "f:10:16: 'step' of assertion 'never': there is no step 'too'; did you mean 'two'?",
        "f:11:3: there is no assertion 'nevr'; did you mean 'never'?",
        "f:12:29: 'after' of assertion 'never' is a list; expected a step, 'start of STEP' or 'end of STEP'",
    ]


def test_alias_bomb_is_refused() -> None:
    """A few lines that unfold to 9⁹ values are refused, not unfolded."""
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    assert problems(text) == [
        "f:1:22: the file is too big; expected at most 50,000 values, aliases written out, and 40 levels"
    ]


def test_anchors_and_merges() -> None:
    """An alias repeats what its anchor marks; what is written beside `<<` wins, then the first that is merged."""
    text = small(
        6, "steps: {placed: &p {span: a, service: s}, paid: {<<: [*p, {shared: true, service: t}], span: b}, c: *p}"
    )
    steps = loads(text).steps
    assert steps["paid"] == Step(span="b", service="s", shared=True)
    assert steps["c"] == steps["placed"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("22:30", "22:30"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-5", -5),
        (".5", 0.5),
        ("True", True),
        ("~", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("[a]", ("a",)),
    ],
)
def test_scalars(text: str, value: object) -> None:
    """Only null, true, false and numbers are not text."""
    data = read(f"a: {text}").data["a"]
    assert data == value
    assert type(data) is type(value)


def test_keys_are_text() -> None:
    """A key is the text that is written, an empty or null one is `null`."""
    assert list(read("{null: a, true: b, 010: c, 1.50: d}").data) == ["null", "true", "010", "1.50"]


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+", r"(a*)*b", r"(?:a{2,}|b)+", r"((a+)?)*", r"(x(a+)y)*", r"([ab]+)+", "[", "a" * 1_001, "(" * 600],
)
def test_bad_patterns(pattern: str) -> None:
    """A pattern that may hang, that is too long or no pattern has a reason against it."""
    assert bad_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"a+b*", r"(ab)+", r"(a+)?", r"\(a+\)+", r"[(a+)]+", r"(a{2})+", r"^SV\d$", ""])
def test_good_patterns(pattern: str) -> None:
    """Repeats side by side, in brackets or escaped are fine."""
    assert bad_pattern(pattern) is None


# ---- kinds of others


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One kind of bound."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Another kind of bound."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Rule):
    """A kind with every form of parameter."""

    kind: ClassVar[str] = "pairs"
    list_parameter: ClassVar[str] = "names"
    names: tuple[StepName, ...]
    bound: Gap | Band | None = None
    per_step: Mapping[StepName, Duration] = field(default_factory=dict)

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """Refuses a pair of one."""
        assert all(name in shape.steps for name in self.names)
        return [] if len(self.names) == 2 else [("names", "'pairs' needs two names")]


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind `pairs` beside the real ones."""
    monkeypatch.setattr(assertions, "kinds", lambda: {**KINDS, "pairs": Pairs})


@pytest.mark.usefixtures("pairs")
def test_kind_of_another_package() -> None:
    """A bare list is the list parameter; unions of dataclasses and step names as keys are read."""
    shape = loads(
        rule("pairs: [paid, placed]\n- pairs: {names: [paid, paid], bound: {least: 1, most: 2}, per_step: {paid: hop}}")
    )
    assert shape.assertions[0] == Pairs(names=(StepName("paid"), StepName("placed")))
    assert shape.assertions[1].bound == Band(least=1, most=2)  # type: ignore[attr-defined]
    assert "- pairs: [paid, placed]\n" in dumps(shape)


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pairs: [paid]", "f:9:10: 'pairs' needs two names"),
        ("pairs: {names: [paid]}", "f:9:18: 'pairs' needs two names"),
        ("pairs: [payd]", "f:9:11: 'names[0]' of assertion 'pairs': there is no step 'payd'; did you mean 'paid'?"),
        ("pairs: {names: [paid, paid], bound: {least: 1, most: x}}", "f:9:56: 'bound.most' of assertion 'pairs' is 'x'; expected a whole number"),
        ("pairs: {names: [paid, paid], bound: {least: 1}}", "f:9:39: 'bound' of assertion 'pairs' needs 'most'"),
        ("pairs: {names: [paid, paid], bound: 5}", "f:9:39: 'bound' of assertion 'pairs' is 5; expected a mapping (within) or a mapping (least, most)"),
        ("pairs: {names: [paid, paid], per_step: {x: hop}}", "f:9:43: 'per_step' of assertion 'pairs': there is no step 'x'; the shape has: placed and paid"),
        ("pairs: {names: [paid, paid], per_step: {paid: hup}}", "f:9:49: 'per_step.paid' of assertion 'pairs' is 'hup'; expected a duration such as 5m, 1.5s or 250ms, or the name of a param; did you mean 'hop'?"),
        ("pairs: 5", "f:9:10: assertion 'pairs' is 5; expected a list or a mapping"),
    ],
)  # fmt: skip
def test_refusals_of_another_package(text: str, expected: str) -> None:
    """Names and forms are checked by the annotations, whatever the kind; its own word comes last and only then."""
    assert problems(rule(text)) == [expected]


# ---- files


def test_folder_name_and_file(tmp_path: Path) -> None:
    """Files and folders give their shapes, a folder's sorted by file name, a file given twice only once."""
    for name, file in [("two", "b.yaml"), ("one", "a.yml"), ("no", "c.txt"), ("no", ".d.yaml")]:
        (tmp_path / file).write_text(small(1, f"shape: {name}"))
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + small(1, "shape: three").encode())
    names = [shape.shape for shape in load_all([str(tmp_path / "b.yaml"), str(tmp_path)])]
    assert names == ["two", "one", "three"]
    assert load(tmp_path / "a.yml").places == (Place(file="a.yml", line=9, column=3),)


def test_problems_of_all_files(tmp_path: Path) -> None:
    """What is wrong in several files is said at once, each by the path that was given."""
    (tmp_path / "a.yaml").write_text(small(2, "parms: {}"))
    (tmp_path / "b.yaml").write_bytes(b"shape: a\nabout: \xc3\xa9\xff")
    (tmp_path / "c.yaml").write_bytes(b" " * (2**20 + 1))
    (tmp_path / "d.yaml").write_text(SMALL)
    (tmp_path / "e.yaml").write_text("\n" + SMALL)
    with pytest.raises(SpecError) as error:
        load_all([str(tmp_path)])
    assert error.value.problems == (
        f"{tmp_path}/a.yaml:2:1: the shape has no key 'parms'; did you mean 'params'?",
        f"{tmp_path}/b.yaml:2:9: byte 0xff is not UTF-8; save the file as UTF-8",
        f"{tmp_path}/c.yaml:1:1: the file is over 1 MiB; expected a shape, which is far smaller",
        f"{tmp_path}/e.yaml:2:8: the shape name 'order' is taken by {tmp_path}/d.yaml:1:8",
    )


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is no file and no shape is answered with the nearest shape, and with what could be given."""
    monkeypatch.setattr(specfile, "shipped", lambda: ("phase1-guest", "phase1-regular"))
    ours = "a file, a folder or one of: phase1-guest and phase1-regular"
    with pytest.raises(UsageError) as error:
        load_all(["phase1-guets", "/nowhere/x.yaml"])
    assert str(error.value).splitlines() == [
        f"phase1-guets: there is no such file or shape; did you mean 'phase1-guest'? Else give {ours}",
        f"/nowhere/x.yaml: there is no such file or shape; give {ours}",
    ]
    with pytest.raises(UsageError, match=r"is a folder; give one file of it or one of: phase1-guest"):
        load(tmp_path)
    with pytest.raises(UsageError, match=r"the folder has no shapes; expected files that end in \.yaml or \.yml$"):
        load_all([str(tmp_path)])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    """A file that may not be read is said to be so."""
    (tmp_path / "a.yaml").touch(mode=0o000)
    with pytest.raises(UsageError, match="the file can't be read: Permission denied; check its permissions"):
        load(tmp_path / "a.yaml")


@pytest.mark.parametrize("name", shipped())
def test_shipped_shape_loads(name: str) -> None:
    """Every shape that ships is right, by its own name, and survives writing."""
    shape = load(name)
    assert shape.shape == name
    assert check_shape(shape) == []
    assert same(loads(dumps(shape)), shape)


# ---- params


def test_with_params() -> None:
    """A param is set in every shape that has it and nowhere else."""
    one, two = loads(SMALL), loads(small(2, "params: {hop: 5m, wait: 1h}"))
    first, second = with_params([one, two], {"wait": "2h", "hop": "1s"})
    assert (first.params, second.params) == ({"hop": "1s"}, {"hop": "1s", "wait": "2h"})


def test_with_params_refuses() -> None:
    """Unknown params and values that are no durations are refused together."""
    with pytest.raises(UsageError) as error:
        with_params([loads(SMALL)], {"hop": "5x", "hopp": "5s", "zzz": "5s"})
    assert str(error.value).splitlines() == [
        "--param hop=5x: '5x' is no duration; expected e.g. 5m, 1.5s, 250ms",
        "--param hopp=5s: no shape has a param 'hopp'; did you mean 'hop'?",
        "--param zzz=5s: no shape has a param 'zzz'; expected one of: hop",
    ]


# ---- shapes made in Python


def made(**changes: Any) -> Shape:
    """A right shape made in Python, with changes."""
    return replace(loads(SMALL), **{"places": None, **changes})


def never(**given: Any) -> Rule:
    """The kind `never`, whatever its parameters."""
    return KINDS["never"](**given)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"assertions": (never(step="paid"), never(step="payd"))}, "assertions[1].step: 'step' of assertion 'never': there is no step 'payd'; did you mean 'paid'?"),
        ({"assertions": (KINDS["sequence"](steps=("placed", "x")),)}, "assertions[0].steps[1]: 'steps[1]' of assertion 'sequence': there is no step 'x'; the shape has: placed and paid"),  # type: ignore[call-arg]
        ({"assertions": ()}, "assertions: the shape has no assertions; expected a list under 'assertions' with at least one"),
        ({"assertions": [never(step="paid")]}, "assertions: this is of type list; expected tuple"),
        ({"assertions": ({"never": {"step": "paid"}},)}, "assertions[0]: this is of type dict; expected Never"),
        ({"assertions": (Rule(),)}, "assertions[0]: there is no assertion ''; there are: " + ", ".join(list(KINDS)[:-1]) + f" and {list(KINDS)[-1]}"),
        ({"steps": {"placed": Step(), "paid": Step(span="a")}}, "steps.placed: step 'placed' needs exactly one of 'span', 'event' or 'record'; it has none"),
        ({"steps": {"placed": {"span": "a"}, "paid": Step(span="a")}}, "steps.placed: this is of type dict; expected Step"),
        ({"steps": {"placed": Step(span="a", shared=1), "paid": Step(span="a")}}, "steps.placed.shared: 'shared' of step 'placed' is 1; expected true or false"),  # type: ignore[arg-type]
        ({"facts": {"lane": (Fact(record="r", field="f", map={None: "x"}),)}}, "facts.lane[0].map: this has keys that are not text; expected text"),  # type: ignore[dict-item]
        ({"when": {"lane": Condition(lt=float("nan"))}}, "when.lane.lt: this is nan; expected text, a number, true, false, a list or a mapping"),
        ({"about": b"x"}, "about: this is of type bytes; expected text, a number, true, false, a list or a mapping"),
    ],
)  # fmt: skip
def test_check_shape(changes: dict[str, Any], expected: str) -> None:
    """A shape made in Python is checked like a file, its places being fields."""
    assert check_shape(made(**changes)) == [f"shape order: {expected}"]


def test_check_shape_places() -> None:
    """The caller may say where something was written."""
    shape = made(assertions=(never(step="x"),))
    assert check_shape(shape, lambda path: f"here/{path}")[0].startswith("here/assertions[0].step: 'step' of")


def test_check_shape_is_content() -> None:
    """A right shape has no problems."""
    assert check_shape(made()) == []
    assert check_shape(loads(BIG)) == []


# ---- there and back


def same(one: Shape, other: Shape) -> bool:
    """Whether two shapes are the same but for where they are written."""
    return replace(one, places=None) == replace(other, places=None)


def test_dumps_reads_well() -> None:
    """Short mappings are on one line, defaults left out, a kind begins its line, a comment names the schema."""
    shape = replace(loads(BIG), about="")
    text = dumps(shape)
    assert text.startswith("# yaml-language-server: $schema=shape.schema.json\nshape: regular\nparams: {hop: 5m, ")
    for line in [
        "  course_code: [course_code, data.course_code]",
        "    - {record: essays.registered, field: data.class_id, map: {null: GUEST, else: REGULAR}}",
        "when: {class_type: REGULAR}",
        "  requested: {record: matching.requested}",
        "      - content_done: {within: people}",
        "  - occurs: {step: ready, times: 0..1, for_each: [event_id]}",
        "  - no_errors: {}",
    ]:
        assert f"\n{line}\n" in text, line
    assert all(len(line) <= 110 for line in text.splitlines())
    assert same(loads(text), shape)


# Text that YAML likes to misread, and any other that a file can hold.
TEXTS = st.one_of(
    st.sampled_from(["yes", "null", "~", "", "1e5", "010", "22:30", "- a", "a: b", "#", "*", "<<", "=", "'", '"', "a\nb", "x ", ".inf"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)  # fmt: skip
SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
DURATIONS = st.sampled_from(["5m", "1.5s", "250ms", "1h30m", "hop"])
CONDITIONS = st.dictionaries(
    TEXTS,
    SCALARS
    | st.builds(
        Condition,
        ne=SCALARS,
        lt=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        in_=st.none() | st.lists(SCALARS, max_size=2).map(tuple),
        exists=st.none() | st.booleans(),
        matches=st.sampled_from([None, "^a+$", "(?i)x"]),
    ),
    max_size=2,
)
NAMES = st.lists(TEXTS, max_size=2).map(tuple)
STEPS = st.builds(
    Step,
    service=st.none() | TEXTS,
    span=TEXTS.filter(bool) | st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
    kind=st.sampled_from([None, "server", "consumer"]),
    status=st.sampled_from(["ok", "any"]),
    where=CONDITIONS,
    except_=st.none() | st.builds(Except, event=TEXTS, where=CONDITIONS),
    identity=NAMES,
    carries=NAMES,
    shared=st.booleans(),
) | st.builds(Step, record=TEXTS.filter(bool), identity=NAMES, optional=st.booleans())
FACTS = st.lists(
    st.builds(Fact, attribute=TEXTS)
    | st.builds(Fact, record=TEXTS, field=TEXTS, map=st.none() | st.dictionaries(TEXTS, SCALARS, max_size=2)),
    min_size=1,
    max_size=2,
).map(tuple)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Any right shape, odd names included."""
    steps = draw(st.dictionaries(TEXTS.filter(lambda t: " of " not in t), STEPS, min_size=1, max_size=3))
    facts = draw(st.dictionaries(TEXTS, FACTS, min_size=1, max_size=2))
    step = st.sampled_from(sorted(steps))
    fact = st.sampled_from(sorted(facts))
    point = st.builds(lambda edge, name: edge + name, st.sampled_from(["", "start of ", "end of "]), step)
    point = point.filter(lambda p: p.removeprefix("start of ").removeprefix("end of ").strip() in steps)
    when = st.dictionaries(fact, SCALARS, max_size=1)
    times = st.integers(0, 9) | st.sampled_from([">=1", "0..1"]) | fact.map(lambda f: {"fact": f})
    rules = st.one_of(
        st.builds(lambda **k: ("never", k), step=step, when=when, after=st.none() | point),
        st.builds(lambda **k: ("never", k), step=step, between=st.tuples(point, point)),
        st.builds(lambda **k: ("leads_to", k), step=point, then=point, within=DURATIONS, same=NAMES),
        st.builds(lambda **k: ("propagates", k), attribute=TEXTS, one_of=st.lists(SCALARS, max_size=3).map(tuple)),
        st.builds(lambda **k: ("occurs", k), step=step, times=times),
    )
    chosen = draw(st.lists(rules, min_size=1, max_size=4))
    states = draw(st.lists(TEXTS.filter(lambda s: s != "*"), min_size=1, max_size=3, unique=True))
    machine = Machine(
        moves_by=MovesBy(step=StepName(draw(step)), from_=draw(TEXTS), to=draw(TEXTS)),  # type: ignore[arg-type]
        initial=states[0],
        moves={**{s: tuple(states[i:]) for i, s in enumerate(states)}, "*": ()},
        stays=draw(st.dictionaries(st.sampled_from(states), st.builds(Stay, at_most=DURATIONS), max_size=1)),
    )
    return Shape(
        shape=draw(st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True)),
        about=draw(TEXTS | st.sampled_from(["One.\nTwo.\n", "One.\n\nTwo.", "A: b.\n - c\n"])),
        params={"hop": "5m"},
        attributes=draw(st.dictionaries(TEXTS, NAMES, max_size=2)),
        flow=draw(st.builds(Correlation, key=TEXTS, aliases=NAMES, gives_up=st.none() | DURATIONS, ends=st.builds(Ends, steps=st.tuples(step)))),
        facts=facts,
        when=draw(when),
        steps=steps,
        machines={"m": machine},
        assertions=tuple(_rule(kind, parameters) for kind, parameters in chosen),
    )  # fmt: skip


def _rule(kind: str, parameters: dict[str, Any]) -> Rule:
    from verifier.shape import FactRef

    if isinstance(parameters.get("times"), dict):
        parameters["times"] = FactRef(**parameters["times"])
    return KINDS[kind](**parameters)


@given(shapes())
def test_round_trip(shape: Shape) -> None:
    """What is written is read again as the same shape, and a YAML 1.1 reader sees the same texts."""
    text = dumps(shape)
    assert same(loads(text), shape)
    assert yaml.safe_load(text)["about" if shape.about else "shape"] == (shape.about or shape.shape)
    assert check_shape(shape) == []


@given(st.text())
def test_any_text_is_a_shape_or_a_spec_error(text: str) -> None:
    """Whatever the text, it is refused in an orderly way."""
    with pytest.raises(SpecError) as error:
        loads(text)
    assert all(problem.startswith("shape:") for problem in error.value.problems)


KEYS = st.sampled_from(
    "shape flow params facts when steps machines assertions never sequence occurs step times span key where moves a".split()
)
JUNK = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JUNK, min_size=1))
def test_any_data_is_a_shape_or_a_spec_error(data: dict[str, Any]) -> None:
    """Whatever stands under the keys of a shape, each fault is told once and in one line."""
    try:
        loads(yaml.safe_dump(data))
    except SpecError as error:
        assert len(set(error.problems)) == len(error.problems)
        assert all("\n" not in problem for problem in error.problems)
        assert not any("Input should" in problem for problem in error.problems)


@given(st.data())
def test_any_damage_is_a_spec_error(data: st.DataObject) -> None:
    """A shape with a piece cut out or doubled still loads or is refused in an orderly way."""
    start = data.draw(st.integers(0, len(BIG)))
    end = data.draw(st.integers(start, min(len(BIG), start + 40)))
    try:
        loads(
            BIG[:start]
            + data.draw(st.sampled_from(["", BIG[start:end] * 2, "\t", "{", "'", "&a ", "null"]))
            + BIG[end:]
        )
    except VerifierError as error:
        assert isinstance(error, SpecError)


# ---- JSON Schema


def as_editor(text: str) -> Any:
    """The data as an editor's reader sees it: lists, not tuples."""

    def lists(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: lists(item) for key, item in value.items()}
        return [lists(item) for item in value] if isinstance(value, tuple) else value

    return lists(read(text).data)


SCHEMA = json_schema()
VALID = {"big": BIG, "small": SMALL} | {name: dumps(load(name)) for name in shipped()}


def test_schema_is_a_schema() -> None:
    """It is a JSON Schema of 2020-12, closed everywhere, and knows every kind with its docstring."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in SCHEMA["$defs"].values())
    item = SCHEMA["properties"]["assertions"]["items"]["anyOf"][0]
    assert list(item["properties"]) == list(KINDS)
    assert item["properties"]["never"]["description"].startswith("A step does not happen in its scope.")
    assert SCHEMA["$defs"]["MovesBy"]["properties"]["step"]["description"] == "The name of a step."
    assert "places" not in SCHEMA["properties"]


@pytest.mark.parametrize("name", VALID)
def test_schema_accepts(name: str) -> None:
    """What loads is valid in an editor."""
    jsonschema.Draft202012Validator(SCHEMA).validate(as_editor(VALID[name]))


@pytest.mark.parametrize("text", [rule("no_errors"), rule("no_errors: null"), rule("sequence: {steps: [paid], id: x}")])
def test_schema_accepts_short_forms(text: str) -> None:
    """A kind without parameters and a list's long form are valid in an editor too."""
    loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(as_editor(text))


@pytest.mark.parametrize(
    "name",
    ["key", "places", "step misspelt", "literal", "python spelling", "parameter", "parameter missing", "bare kind", "kind",
     "indentation", "no kind", "no flow", "empty assertions", "times a bool", "between one", "fact no list", "no step"],
)  # fmt: skip
def test_schema_refuses(name: str) -> None:
    """Typos and wrong forms are marked in an editor."""
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(as_editor(REFUSED[name][0]))
