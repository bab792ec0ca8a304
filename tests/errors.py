"""How tests look at an error: by its kind, key and file. No test pins a sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from replication.errors import Kind, UserError


@contextmanager
def refused(
    kind: Kind, *names: str, key: str | None = None, file: Path | str | None = None, error: type[UserError] = UserError
) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """Expect a UserError of a kind, with this key and this file.

    Its message must be one sentence, or a line for each of several errors, and name its key, its file and `names`.

    Args:
        names: what a user needs besides: a remedy, a choice, a line number.
        key: as `UserError.key`; None accepts any.
        file: as `UserError.file`, or the end of its path; None accepts any.
        error: a class of UserError.
    """
    with pytest.raises(error) as caught:
        yield caught
    found, message = caught.value, str(caught.value)
    assert found.kind == kind, f"{found.kind}: {message}"
    if key is not None:
        assert found.key == key, f"{found.key}: {message}"
    if file is not None:
        assert found.file is not None and found.file.parts[-len(Path(file).parts) :] == Path(file).parts, found.file
    first, *others = message.splitlines()
    assert first.endswith(":" if others else (".", "?")), message
    needed = [*names, *([str(found.file)] if found.file else [])]
    assert [name for name in needed if name not in message] == [], message
    outside_paths = re.sub(r"\S*/\S*", "", message)  # a folder of this machine may be called as a key is, "root"
    assert (found.key or "").rpartition(".")[2] in outside_paths, f"{found.key}: {message}"
