"""Files that the operating system refuses to read, as a network disk sometimes does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def failing_reads(monkeypatch: pytest.MonkeyPatch, number: int, *names: str) -> Iterator[None]:
    """Reading files of these names fails with an errno."""
    with monkeypatch.context() as patched:
        for attribute in ("open", "read_bytes", "read_text"):
            usual = getattr(Path, attribute)

            def read(
                path: Path, *arguments: Any, usual: Any = usual, attribute: str = attribute, **options: Any
            ) -> Any:
                is_reading = [*arguments, options.get("mode", "r")][0].startswith("r") if attribute == "open" else True
                if path.name in names and is_reading:
                    raise OSError(number, os.strerror(number), str(path))
                return usual(path, *arguments, **options)

            patched.setattr(Path, attribute, read)
        yield
