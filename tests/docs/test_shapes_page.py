"""The page of the Phase 1 shapes says what they say of the recordings."""

from tests.examples.shapes_page import PAGE, recorded


def test_page_says_what_the_shapes_say_of_the_recordings() -> None:
    """Every verdict, and every row of what the real services must still tell."""
    assert recorded() in PAGE.read_text(encoding="utf-8"), "python -m tests.examples.shapes_page writes it anew"
