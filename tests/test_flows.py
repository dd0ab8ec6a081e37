"""Which rows belong together, and why: each rule of the closure on a sketch, and that no order of rows matters."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.made import sketches
from verifier.flows import Gathering, Row, gather
from verifier.shape import AttributeName, Correlation
from verifier.sketch import parse
from verifier.spans import Link, Record, Span

NAMES = {"batch_id": ("batch_id", "data.batch_id"), "cid": ("cid", "correlation_id")}


def gathered(text: str, *, key: str = "batch_id", routes: tuple[str, ...] = (), names: Any = NAMES) -> Gathering:
    """The flows of a sketch; `cid` is an alias."""
    sketch = parse(text)
    correlation = Correlation(key=AttributeName(key), routes=routes, aliases=(AttributeName("cid"),))
    return gather(sketch.spans, sketch.records, correlation=correlation, attributes=names)


def called(row: Row) -> str:
    """A span's name, a record's topic."""
    return row.topic if isinstance(row, Record) else row.name


def members(found: Gathering, key: str = "b1") -> dict[str, str]:
    """name -> why, of a flow's members."""
    return {called(m.row): m.why for m in found.flows[key].members}


def shared(found: Gathering, key: str = "b1") -> set[str]:
    """The names of a flow's shared rows."""
    return {called(m.row) for m in found.flows[key].shared}


def strays(found: Gathering) -> set[str]:
    """The names of rows in no flow."""
    return {called(s.row) for s in found.strays}


# ---- 1 own


def test_a_row_with_the_key_is_its_own() -> None:
    """A mapped attribute of a span and a path into a record's envelope both say the key; each key is a flow."""
    found = gathered("a : one @ 0..1ms batch_id=b1\n[t 0:0] @ 2ms data.batch_id=b1\na : two @ 0..1ms batch_id=b2")
    assert members(found) == {"one": "own", "t": "own"}
    assert members(found, "b2") == {"two": "own"}


@pytest.mark.parametrize(
    "place", ["url.path=", "http.target=", "http.route=", "url.full=http://host:80", "http.url=https://host"]
)
@pytest.mark.parametrize("path", ["/v1/batches/b1/go", "/v1/batches/b1/go?force=1&x=/a/b"])
def test_a_route_says_the_key_whatever_the_attribute_and_the_query(place: str, path: str) -> None:
    """A route is laid against every attribute that holds a path, without its query string."""
    found = gathered(f'a : GET @ 0..1ms {place.split("=")[0]}="{place.split("=")[1]}{path}"', routes=(ROUTE,))
    assert members(found) == {"GET": "own"}


ROUTE = "/v1/batches/{batch_id}/go"


def test_a_route_says_the_key_in_the_span_name() -> None:
    """`POST /v1/batches/b1/go` names it; what is percent-encoded is read."""
    assert members(gathered("a : POST /v1/batches/b1/go @ 0..1ms", routes=(ROUTE,)))
    assert set(gathered("a : POST /v1/batches/b%201/go @ 0..1ms", routes=(ROUTE,)).flows) == {"b 1"}


@pytest.mark.parametrize("part", ["{batch_id}", ":batch_id", "<batch_id>", "*", "%7Bbatch_id%7D", "(?P<id>x)", "[id]"])
def test_a_template_is_no_key(part: str) -> None:
    """A span named after its route's template says nothing; the attribute with the real path does."""
    name = f"/v1/batches/{part}/go"
    assert not gathered(f"a : POST {name} @ 0..1ms", routes=(ROUTE,)).flows
    found = gathered(f'a : POST {name} @ 0..1ms http.route="{name}" url.path=/v1/batches/b1/go', routes=(ROUTE,))
    assert set(found.flows) == {"b1"}


def test_a_longer_path_is_another_route() -> None:
    """A route is the whole path, not its beginning."""
    assert not gathered("a : GET @ 0..1ms url.path=/v1/batches/b1/go/on", routes=(ROUTE,)).flows


def test_an_attribute_beats_a_route() -> None:
    """What the row says itself is stronger than where it was asked."""
    found = gathered("a : GET @ 0..1ms url.path=/v1/batches/b2/go batch_id=b1", routes=(ROUTE,))
    assert set(found.flows) == {"b1"}


def test_the_key_may_be_the_trace() -> None:
    """One trace, one flow; a record goes with the trace of its publisher."""
    found = gathered("a : one @ 0..1ms\n  a : two @ 0..1ms\n  [t 0:0] @ 1ms\na : three @ 0..1ms", key="trace_id")
    assert [sorted(called(m.row) for m in f.members) for f in found.flows.values()] == [["one", "t", "two"], ["three"]]


def test_a_number_and_its_text_are_one_key() -> None:
    """Services write ids as numbers or as text."""
    assert len(gathered('a : one @ 0..1ms batch_id=7\na : two @ 0..1ms batch_id="7"').flows["7"].members) == 2


def test_a_list_of_keys_is_shared_and_a_list_of_one_is_own() -> None:
    """A batch consumer lists what it serves; a list of one is one key, an empty one says nothing."""
    found = gathered(
        'a : one @ 0..1ms batch_id=b1\na : two @ 0..1ms batch_id=b2\na : both @ 2..3ms batch_id=["b1","b2"]\n'
        'a : single @ 2..3ms batch_id=["b1"]\na : none @ 2..3ms batch_id=[]'
    )
    assert shared(found) == shared(found, "b2") == {"both"}
    assert members(found)["single"] == "own"
    assert strays(found) == {"none"}


def test_keys_that_only_a_shared_row_names_open_no_flow_and_the_row_is_a_stray() -> None:
    """No row is lost: it is in a flow, shared, or a stray."""
    found = gathered('a : both @ 2..3ms batch_id=["b1","b2"]')
    assert (dict(found.flows), strays(found)) == ({}, {"both"})


# ---- 2 message


def test_the_same_event_id_is_the_same_message() -> None:
    """A consumer that says only the event id goes with the record that says the key, and through it."""
    found = gathered("[t 0:0] @ 1ms event_id=e data.batch_id=b1\nb : consume @ 2..3ms messaging.message.id=e")
    assert members(found)["consume"] == "message"
    assert next(m for m in found.flows["b1"].members if m.why == "message").through == ("t", 0, 0)


@pytest.mark.parametrize("offset", ["messaging.kafka.offset", "messaging.kafka.message.offset", "kafka.offset"])
def test_the_same_offset_is_the_same_message(offset: str) -> None:
    """Topic, partition and offset name a message, whatever the attribute is called and if it is text."""
    place = f'messaging.destination.name=t messaging.destination.partition.id=0 {offset}="17"'
    found = gathered(f"[t 0:17] @ 1ms data.batch_id=b1\nb : consume @ 2..3ms {place}")
    assert members(found)["consume"] == "message"


def test_another_partition_is_another_message() -> None:
    """Offsets count in each partition anew."""
    place = "messaging.destination.name=t messaging.destination.partition.id=1 kafka.offset=17"
    assert strays(gathered(f"[t 0:17] @ 1ms data.batch_id=b1\nb : consume @ 2..3ms {place}")) == {"consume"}


def test_the_record_of_a_span_with_a_key_goes_with_it_by_its_traceparent() -> None:
    """A record's own context is an edge to the span that published it."""
    found = gathered("a : publish @ 0..1ms batch_id=b1\n  [t 0:0] @ 1ms")
    assert members(found)["t"] == "parent"


def test_a_span_whose_record_has_the_key_goes_with_its_record() -> None:
    """The same edge the other way round."""
    assert members(gathered("a : publish @ 0..1ms\n  [t 0:0] @ 1ms data.batch_id=b1"))["publish"] == "children"


def test_one_message_of_two_keys_is_shared() -> None:
    """A consumer whose message is claimed by two flows belongs to neither alone."""
    found = gathered(
        "a : one @ 0..1ms batch_id=b1 event_id=e\na : two @ 0..1ms batch_id=b2 event_id=e\nb : use @ 2..3ms event_id=e"
    )
    assert shared(found) == shared(found, "b2") == {"use"}


# ---- 3 parent, 4 children


def test_the_nearest_ancestor_with_a_key_decides() -> None:
    """Not the root, not the one that comes first."""
    found = gathered(
        "a : root @ 0..9ms batch_id=b2\n  a : near @ 1..8ms batch_id=b1\n    a : in @ 2..3ms\n      a : x @ 2..3ms"
    )
    assert members(found) == {"near": "own", "in": "parent", "x": "parent"}


def test_an_own_key_beats_an_ancestors_and_the_edge_crosses() -> None:
    """The edge between the two flows is kept for the isolation rule."""
    found = gathered("a : root @ 0..9ms batch_id=b2\n  a : near @ 1..8ms batch_id=b1")
    (edge,) = found.flows["b1"].crossing
    assert (edge.row.id[1], edge.cause.id[1], edge.other) == ("0000000000000002", "0000000000000001", "b2")
    assert (edge.how, edge.weak) == ("parent", False)
    assert found.flows["b2"].crossing == ()


def test_links_and_messages_cross_too() -> None:
    """A link to a row of another flow, and a message that another flow made."""
    found = gathered(
        "&one a : root @ 0..9ms batch_id=b2\na : near @ 10..11ms batch_id=b1\n  ~> one\n"
        "[t 0:1] @ 1ms data.batch_id=b2 event_id=e\n"
        "a : use @ 12..13ms $kind=consumer batch_id=b1 event_id=e"
    )
    edges = [(e.how, called(e.row), called(e.cause)) for e in found.flows["b1"].crossing]
    assert edges == [("link", "near", "root"), ("message", "use", "t")]
    assert found.flows["b2"].crossing == ()


def test_a_record_that_another_flow_sent_crosses() -> None:
    """The span that sends is of one flow, what it sends of another."""
    found = gathered(
        "a : send @ 0..1ms $kind=producer batch_id=b2 event_id=e\n[t 0:1] @ 1ms data.batch_id=b1 event_id=e"
    )
    assert [(e.how, called(e.row), called(e.cause)) for e in found.flows["b1"].crossing] == [("message", "t", "send")]


def test_a_record_is_not_the_cause_of_another_with_its_event_id() -> None:
    """Published again for another flow: neither sent the other."""
    found = gathered("[t 0:1] @ 1ms data.batch_id=b2 event_id=e\n[t 0:2] @ 2ms data.batch_id=b1 event_id=e")
    assert found.flows["b1"].crossing == found.flows["b2"].crossing == ()


def test_which_of_two_records_was_handled_is_not_known_so_no_edge_crosses() -> None:
    """One event id on records of two flows: the handler may have handled its own flow's."""
    found = gathered(
        "[t 0:1] @ 1ms data.batch_id=b2 event_id=e\n[t 0:2] @ 2ms data.batch_id=b1 event_id=e\n"
        "a : use @ 12..13ms $kind=consumer batch_id=b1 event_id=e"
    )
    assert found.flows["b1"].crossing == ()


def test_an_edge_through_a_shared_row_does_not_cross() -> None:
    """A monitor's cycle works for both: neither flow caused the other."""
    found = gathered("a : cycle @ 0..9ms\n  a : x @ 1..2ms batch_id=b1\n  a : y @ 3..4ms batch_id=b2")
    assert found.flows["b1"].crossing == found.flows["b2"].crossing == ()


def test_children_that_agree_give_their_parent_the_key() -> None:
    """A root without a key goes with what it caused, however deep that lies."""
    found = gathered(
        "a : root @ 0..9ms\n  a : mid @ 1..8ms\n    a : x @ 2..3ms batch_id=b1\n  a : y @ 4..5ms batch_id=b1"
    )
    assert members(found) == {"root": "children", "mid": "children", "x": "own", "y": "own"}


def test_children_that_disagree_make_their_parent_shared() -> None:
    """A monitor's cycle serves every batch, and is an occurrence of none."""
    found = gathered("a : cycle @ 0..9ms\n  a : x @ 1..2ms batch_id=b1\n  a : y @ 3..4ms batch_id=b2")
    assert shared(found) == shared(found, "b2") == {"cycle"}
    assert "cycle" not in members(found)


def test_a_cycle_hands_no_key_to_children_without_one() -> None:
    """The keyless child of a shared row is a stray: nothing says whose it is."""
    found = gathered("a : cycle @ 0..9ms\n  a : x @ 1..2ms batch_id=b1\n  a : y @ 3..4ms batch_id=b2\n  a : z @ 5..6ms")
    assert strays(found) == {"z"}


def test_a_key_from_a_child_does_not_feed_the_next_message() -> None:
    """What a cycle has from one batch doesn't make the cycle's other trace that batch's by `children` again."""
    found = gathered(
        "a : cycle @ 0..9ms\n  a : x @ 1..2ms batch_id=b1\n  &s a : send @ 3..4ms\n"
        "b : poll @ 10..20ms\n  b : take @ 11..12ms batch_id=b2\n  b : use @ 13..14ms\n    ~> s"
    )
    assert members(found)["cycle"] == "children"
    assert members(found, "b2")["take"] == "own"
    assert "take" not in members(found)
    assert members(found, "b2")["poll"] == "children"


# ---- 5 link


@pytest.mark.parametrize(
    "text",
    [
        "&s a : one @ 0..1ms batch_id=b1\nb : two @ 2..3ms\n  ~> s",
        "&s b : two @ 2..3ms\na : one @ 0..1ms batch_id=b1\n  ~> s",
    ],
)
def test_a_link_leads_either_way(text: str) -> None:
    """Whoever points to whom: a link to or from a row of one key gives it."""
    assert members(gathered(text))["two"] == "link"


def test_links_to_two_keys_make_a_row_shared() -> None:
    """A batch consumer links to every message that it took."""
    found = gathered(
        "&p a : one @ 0..1ms batch_id=b1\n&q a : two @ 0..1ms batch_id=b2\nb : use @ 2..3ms\n  ~> p\n  ~> q"
    )
    assert shared(found) == shared(found, "b2") == {"use"}


def test_a_parent_is_stronger_than_a_link() -> None:
    """Strongest evidence first: what has a key from its parent asks no link."""
    found = gathered("&s a : one @ 0..1ms batch_id=b1\na : root @ 2..9ms batch_id=b2\n  a : x @ 3..4ms\n    ~> s")
    assert members(found, "b2")["x"] == "parent"


def test_a_link_to_itself_or_to_nowhere_says_nothing() -> None:
    """Neither is evidence, neither is a crash."""
    sketch = parse("a : x @ 0..1ms\n  ~> ?\na : one @ 0..1ms batch_id=b1")
    x = sketch.spans[0]
    itself = replace(x, links=(*x.links, Link(trace_id=x.trace_id, span_id=x.span_id)))
    found = gather([itself, sketch.spans[1]], correlation=Correlation(key=AttributeName("batch_id")))
    assert strays(found) == {"x"}


# ---- 6 alias, and once more


def test_an_alias_of_one_key_leads_to_it_weakly() -> None:
    """The correlation id is only as unique as what was seen: the membership is marked."""
    found = gathered("a : one @ 0..1ms batch_id=b1 cid=c\nb : two @ 2..3ms correlation_id=c")
    assert members(found)["two"] == "alias"
    assert {called(m.row): m.weak for m in found.flows["b1"].members} == {"one": False, "two": True}
    assert found.aliases["cid"]["c"] == ("b1",)
    assert found.flows["b1"].aliases == {"cid": ("c",)}


def test_an_alias_of_several_keys_is_evidence_of_none() -> None:
    """The monitor makes one id per cycle; the stray says where its id leads."""
    found = gathered("a : one @ 0..1ms batch_id=b1 cid=c\na : two @ 0..1ms batch_id=b2 cid=c\nb : x @ 2..3ms cid=c")
    (stray,) = found.strays
    assert (stray.alias, stray.value, stray.leads_to) == ("cid", "c", ("b1", "b2"))


def test_an_alias_on_a_shared_row_leads_to_all_its_keys() -> None:
    """The id of a cycle is the id of every batch that the cycle serves."""
    found = gathered(
        "a : cycle @ 0..9ms cid=c\n  a : x @ 1..2ms batch_id=b1\n  a : y @ 3..4ms batch_id=b2\nb : z @ 2..3ms cid=c"
    )
    assert strays(found) == {"z"}
    assert found.aliases["cid"]["c"] == ("b1", "b2")


def test_two_aliases_that_lead_apart_lead_nowhere() -> None:
    """Each leads to one key, but not to the same."""
    sketch = parse("a : one @ 0..1ms batch_id=b1 cid=c\na : two @ 0..1ms batch_id=b2 did=d\nb : x @ 2..3ms cid=c did=d")
    keys = Correlation(key=AttributeName("batch_id"), aliases=(AttributeName("cid"), AttributeName("did")))
    assert strays(gather(sketch.spans, correlation=keys)) == {"x"}


def test_after_the_alias_all_is_spread_once_more() -> None:
    """An alias's key goes on to messages, children and links, and stays weak on its way."""
    found = gathered(
        "a : one @ 0..1ms batch_id=b1 cid=c\n&r b : root @ 2..9ms cid=c event_id=e\n  b : child @ 3..4ms\n"
        "a : said @ 5..6ms event_id=e\na : linked @ 7..8ms\n  ~> r"
    )
    assert members(found) == {"one": "own", "root": "alias", "child": "parent", "said": "message", "linked": "link"}
    assert {called(m.row) for m in found.flows["b1"].members if m.weak} == {"root", "child", "said", "linked"}


def test_what_is_tied_both_strongly_and_weakly_is_not_weak() -> None:
    """The stronger of two ways is the one that is told."""
    found = gathered(
        "a : one @ 0..1ms batch_id=b1 cid=c event_id=e\nb : two @ 2..3ms cid=c event_id=e\nb : x @ 4..5ms event_id=e"
    )
    assert not any(m.weak for m in found.flows["b1"].members)


# ---- what is broken


def test_an_orphan_is_kept_and_counted() -> None:
    """A missing parent is a sign of loss in the row's flow."""
    found = gathered("^ a : one @ 0..1ms batch_id=b1\n^ [t 0:0] @ 1ms data.batch_id=b1\na : two @ 0..1ms batch_id=b2")
    assert {called(row) for row in found.flows["b1"].orphans} == {"one", "t"}
    assert found.flows["b2"].orphans == ()


def ring(names: str, *, below: str = "") -> list[Span]:
    """Spans that are each the parent of the next, the last of the first; and one below it, if asked."""
    spans = list(parse("\n".join(f"a : {n} @ {i}..9ms" for i, n in enumerate(names))).spans)
    ids = [f"{i + 1:016x}" for i in range(len(spans))]
    out = [
        replace(s, trace_id="1" * 32, span_id=ids[i], parent_span_id=ids[i - 1], attributes={})
        for i, s in enumerate(spans)
    ]
    if below:
        out.append(replace(out[-1], span_id="f" * 16, parent_span_id=ids[0], name=below))
    return out


@pytest.mark.parametrize("names", ["p", "pq", "pqrst"])
def test_parents_in_a_circle_are_cut_and_count_as_orphans(names: str) -> None:
    """A span that is its own ancestor, at once or through others: no hang, and who has a key keeps it."""
    spans = [replace(s, attributes={"batch_id": "b1"}) for s in ring(names, below="z")]
    found = gather(spans, correlation=Correlation(key=AttributeName("batch_id")))
    assert found.cycles == len(names)
    assert {called(row) for row in found.flows["b1"].orphans} == set(names)
    assert len(found.flows["b1"].members) == len(names) + 1


def test_what_hangs_below_a_circle_still_has_its_parent() -> None:
    """Only the circle itself is cut."""
    first, *rest = ring("pq", below="z")
    spans = [replace(first, attributes={"batch_id": "b1"}), *rest]
    found = gather(spans, correlation=Correlation(key=AttributeName("batch_id")))
    assert members(found) == {"p": "own", "z": "parent"}
    assert strays(found) == {"q"}


def test_the_same_span_id_in_two_traces_is_two_spans() -> None:
    """Parent joins go by trace and span id."""
    one, below = parse("a : one @ 0..9ms batch_id=b1\n  a : x @ 1..2ms").spans
    other = replace(one, trace_id="2" * 32, name="two", attributes={"batch_id": "b2"})
    child = replace(below, trace_id="2" * 32, name="y")
    found = gather([one, below, other, child], correlation=Correlation(key=AttributeName("batch_id")))
    assert members(found) == {"one": "own", "x": "parent"}
    assert members(found, "b2") == {"two": "own", "y": "parent"}


class Counted(str):
    """A span id that counts how often it is hashed: work, without a clock."""

    hashed = 0

    def __hash__(self) -> int:
        Counted.hashed += 1
        return str.__hash__(self)


def work(n: int, kind: str) -> int:
    """How often ids are looked up to gather a chain, a message or a star of n rows; all of it ends up in one flow."""
    row = parse("a : x @ 0..9ms").spans[0]
    ids = [Counted(f"{i:016x}") for i in range(n)]
    event, hub = Counted("e"), (Link(trace_id=row.trace_id, span_id=ids[0]),)
    spans = [replace(row, span_id=ids[0], attributes={"batch_id": "b1", "event_id": event})]
    for i in range(1, n):
        if kind == "chain":
            spans.append(replace(row, span_id=ids[i], parent_span_id=ids[i - 1]))
        elif kind == "message":
            spans.append(replace(row, span_id=ids[i], attributes={"event_id": event}))
        else:
            spans.append(replace(row, span_id=ids[i], links=hub))
    Counted.hashed = 0
    found = gather(reversed(spans), correlation=Correlation(key=AttributeName("batch_id")))
    assert len(found.flows["b1"].members) == n
    return Counted.hashed


@pytest.mark.parametrize("kind", ["chain", "message", "star"])
def test_the_work_grows_as_the_rows(kind: str) -> None:
    """Twenty times the rows, twenty times the look-ups: no row asks every other."""
    assert work(4_000, kind) < 30 * work(200, kind)


def test_a_chain_of_50000_parents_is_one_flow() -> None:
    """Depth needs no recursion."""
    assert work(50_000, "chain")


def test_a_key_at_the_bottom_of_a_deep_chain_reaches_its_root() -> None:
    """Nor does the way up."""
    row = parse("a : x @ 0..9ms").spans[0]
    spans = [replace(row, span_id=f"{i:016x}", parent_span_id=f"{i - 1:016x}" if i else None) for i in range(20_000)]
    spans[-1] = replace(spans[-1], attributes={"batch_id": "b1"})
    found = gather(spans, correlation=Correlation(key=AttributeName("batch_id")))
    assert len(found.flows["b1"].members) == 20_000


# ---- order


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(sketches(most=5), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_no_order_of_rows_can_change_the_result(texts: list[str], rng: Any) -> None:
    """Rows of several flows, tied in many ways, in any order: the same flows, reasons and strays."""
    spans: list[Span] = []
    records: list[Record] = []
    for n, text in enumerate(texts):
        sketch = parse(text)
        for s in sketch.spans:
            code = s.attributes.get("code")
            named = {"batch_id": code} if code else {"cid": s.attributes["n"]} if "n" in s.attributes else {}
            spans.append(replace(s, trace_id=f"{n}{s.trace_id[1:]}", attributes={**s.attributes, **named}))
        records += [replace(r, partition=n) for r in sketch.records]
    correlation = Correlation(key=AttributeName("batch_id"), aliases=(AttributeName("cid"),))
    told = gather(spans, records, correlation=correlation)
    rng.shuffle(spans)
    rng.shuffle(records)
    assert gather(spans, records, correlation=correlation) == told
    every = [m.row.id for f in told.flows.values() for m in f.members] + [s.row.id for s in told.strays]
    assert len(every) == len(set(every)), "a row has two places"
    some = {m.row.id for f in told.flows.values() for m in f.shared}
    assert {*every, *some} == {row.id for row in (*spans, *records)}, "a row has none"
