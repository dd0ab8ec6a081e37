"""Every form that spans come in gives the same spans."""

import io

import pytest
from otlp_writing import FORMS, PACKINGS, RICH

from verifier.sources import read_spans


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_spans(tmp_path, form, packing):
    """The content decides: the file's name says nothing."""
    path = tmp_path / "spans"
    path.write_bytes(PACKINGS[packing](FORMS[form](*RICH)))
    reading = read_spans(str(path))
    assert reading.spans == RICH
    assert (reading.losses, reading.failed, reading.url) == ((), None, str(path))


@pytest.mark.parametrize("form", FORMS)
def test_standard_input_is_read_like_a_file(form):
    """- is the stream that is given."""
    assert read_spans("-", stdin=io.BytesIO(FORMS[form](*RICH))).spans == RICH


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_gives_a_byte_at_a_time_gives_the_same(form):
    """A pipe may cut anywhere."""

    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1))

    assert read_spans("-", stdin=Dripping(FORMS[form](*RICH))).spans == RICH


def test_the_spans_of_a_resource_share_its_attributes(tmp_path):
    """Memory: a resource is one mapping, however many requests repeat it."""
    path = tmp_path / "spans"
    path.write_bytes(FORMS["json lines"](*RICH[:2]))
    one, two = read_spans(str(path)).spans
    assert one.resource is two.resource


def test_progress_counts_the_bytes_of_the_file(tmp_path):
    """It is told at most about every 256 KiB, and at the end that all is done."""
    path = tmp_path / "spans"
    line = FORMS["json lines"](*RICH)
    path.write_bytes(line * (1_000_000 // len(line)))
    size, told = path.stat().st_size, []
    read_spans(str(path), progress=lambda *said: told.append(said))
    assert {(url, total) for url, _, total in told} == {(str(path), size)}
    done = [count for _, count, _ in told]
    assert done == sorted(done)
    assert done[-1] == size
    assert 3 <= len(done) <= 6


def test_progress_of_standard_input_has_no_total():
    """Nobody knows how long a pipe is."""
    told = []
    data = FORMS["json lines"](*RICH)
    read_spans("-", stdin=io.BytesIO(data), progress=lambda *said: told.append(said))
    assert told[-1] == ("-", len(data), None)
