"""Where the texts of essays lie: a folder, a file for each text, named by what is in it.

It stands for the object store that a real system has.
"""

import hashlib
from pathlib import Path
from uuid import uuid4


class Contents:
    """Texts by their storage id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, text: str) -> str:
        """Keeps a text, and says under which id."""
        name = hashlib.sha256(text.encode()).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        half = self._folder / f"{name}.{uuid4()}"  # whoever reads meanwhile sees all of it, or nothing
        half.write_text(text, encoding="utf-8")
        half.replace(self._folder / name)
        return name

    def get(self, name: str) -> str:
        """The text that was kept under this id."""
        return (self._folder / name).read_text(encoding="utf-8")
