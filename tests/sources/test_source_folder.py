"""A folder is one reading: every file below it, whatever is no telemetry passed over and counted."""

import gzip
import os

import pytest
from otlp_writing import FORMS, RICH, json_lines, make_span, zstd

from verifier.errors import SourceError
from verifier.sources import read_records, read_spans

RECORD = b'{"topic":"t","partition":0,"offset":1,"seen_unix":5}\n'


def kinds(reading, folder):
    """Its losses: kind and place below the folder."""
    return [(loss.kind, os.path.relpath(loss.where, folder)) for loss in reading.losses]


def test_every_file_is_read_in_any_form(tmp_path):
    """Directly in it or deeper inside, each told by its content."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.txt").write_bytes(FORMS["json lines"](RICH[0]))
    (tmp_path / "deep" / "b.json").write_bytes(gzip.compress(FORMS["protobuf, big-endian lengths"](RICH[1]), mtime=0))
    (tmp_path / "deep" / "er" / "c").write_bytes(zstd(FORMS["json document"](RICH[2])))
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert reading.losses == ()


def test_what_is_no_telemetry_is_skipped_and_counted(tmp_path):
    """Each with the reason; nothing of it casts doubt on what was read."""
    (tmp_path / "spans.jsonl").write_bytes(json_lines(*RICH))
    (tmp_path / "records.jsonl").write_bytes(RECORD)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "notes.md").write_bytes(b"# Notes\n\nThese are good.\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "truth.json").write_bytes(b'{\n  "a": 1\n}\n')
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert kinds(reading, tmp_path) == [
        ("skipped_file", name)
        for name in ("empty", "gone", "notes.md", "picture.png", "pipe", "records.jsonl", "truth.json")
    ]
    said = {os.path.basename(loss.where): loss.what for loss in reading.losses}
    assert "is empty" in said["empty"]
    assert "a PNG picture" in said["picture.png"]
    assert "is no regular file" in said["pipe"]
    assert "--records" in said["records.jsonl"]
    assert not any(loss.demotes for loss in reading.losses)
    assert [record.topic for record in read_records(str(tmp_path)).records] == ["t"]


def test_a_file_that_claims_to_hold_spans_is_not_skipped(tmp_path):
    """Not one of its spans can be read: evidence is missing, and that counts."""
    (tmp_path / "a").write_bytes(json_lines(*RICH))
    (tmp_path / "b").write_bytes(json_lines(make_span(9, trace_id="7")))
    (tmp_path / "c").write_bytes(b'{"resourceSpans":[{"reso')
    (tmp_path / "d").write_bytes(gzip.compress(json_lines(*RICH), mtime=0)[:12])
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert kinds(reading, tmp_path) == [("bad_span", "b:1"), ("truncated", "c:1"), ("truncated", "d")]


def test_metrics_beside_spans_are_another_signal(tmp_path):
    """A collector writes all three into one folder."""
    (tmp_path / "metrics").write_bytes(b'{"resourceMetrics":[]}\n' * 3)
    (tmp_path / "traces").write_bytes(json_lines(*RICH))
    (loss,) = read_spans(str(tmp_path)).losses
    assert (loss.kind, loss.count, loss.where) == ("other_signal", 3, str(tmp_path / "metrics") + ":1")


@pytest.mark.parametrize("read", [read_spans, read_records])
def test_a_folder_without_telemetry_is_an_error(tmp_path, read):
    """It names what it found instead."""
    with pytest.raises(SourceError, match=r"is a folder without a file of .* It has 0 files"):
        read(str(tmp_path))
    (tmp_path / "a").write_bytes(b"hello\n")
    with pytest.raises(SourceError, match=r"It has 1 file: .*a: nothing in it"):
        read(str(tmp_path))
    for name in "bcd":
        (tmp_path / name).write_bytes(b"hello\n")
    with pytest.raises(SourceError, match=r"It has 4 files: .*a: nothing in it .*; .*b: .*; .*c: .*; and 1 more"):
        read(str(tmp_path))


def test_links_that_lead_back_are_not_followed(tmp_path):
    """A link to a folder may lead back, or anywhere: it is named instead."""
    (tmp_path / "spans").write_bytes(json_lines(*RICH))
    (tmp_path / "loop").symlink_to(tmp_path)
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert kinds(reading, tmp_path) == [("skipped_file", "loop")]


def test_a_file_under_two_names_is_read_once(tmp_path):
    """A link to a file is that file."""
    (tmp_path / "spans").write_bytes(json_lines(*RICH))
    (tmp_path / "latest").symlink_to(tmp_path / "spans")
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert kinds(reading, tmp_path) == [("skipped_file", "spans")]


def test_a_file_that_breaks_off_fails_the_reading_but_not_the_others(tmp_path):
    """The rest of the folder is read, and the reading says what failed."""
    (tmp_path / "a").write_bytes(gzip.compress(json_lines(RICH[0]), mtime=0) + b"garbage")
    (tmp_path / "b").write_bytes(json_lines(*RICH[1:]))
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert reading.failed is not None
    assert reading.failed.startswith(str(tmp_path / "a"))
    assert kinds(reading, tmp_path) == [("truncated", "a")]


def test_the_names_of_files_decide_nothing(tmp_path):
    """The same files under other names: the same spans and the same counts."""
    contents = [
        json_lines(*RICH),
        json_lines(make_span(1, name="other")),
        json_lines(RICH[2]),
        b"x\n" + json_lines(RICH[1]),
    ]
    seen = []
    for order in (contents, contents[::-1]):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        for number, content in enumerate(order):
            (folder / str(number)).write_bytes(content)
        reading = read_spans(str(folder))
        seen.append((reading.spans, sorted((loss.kind, loss.count, loss.service) for loss in reading.losses if loss)))
    assert seen[0] == seen[1]
    assert ("conflicting_span", 1, "orders") in seen[0][1]
    assert ("repeated_span", 2, None) in seen[0][1]


def test_progress_of_a_folder_runs_over_all_its_files(tmp_path):
    """One bar for the whole folder."""
    for name in "ab":
        (tmp_path / name).write_bytes(json_lines(*RICH))
    told = []
    read_spans(str(tmp_path), progress=lambda *said: told.append(said))
    size = 2 * len(json_lines(*RICH))
    assert told[-1] == (str(tmp_path), size, size)


def test_a_name_that_is_no_text_can_be_printed(tmp_path):
    """Names are bytes; sentences are text that any terminal takes."""
    path = os.fsencode(tmp_path) + b"/sp\xff\x1bns"
    with open(path, "wb") as file:
        file.write(json_lines(*RICH))
    with open(os.fsencode(tmp_path) + b"/x\xff", "wb") as file:
        file.write(b"nothing\n")
    reading = read_spans(str(tmp_path))
    assert reading.spans == RICH
    assert [os.path.basename(loss.where) for loss in reading.losses] == ["x\\udcff"]
    with pytest.raises(SourceError, match=r"x\\udcff"):
        read_spans(os.fsdecode(os.fsencode(tmp_path) + b"/x\xff"))
