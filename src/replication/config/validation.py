"""Validation of values that come from files: strict numbers, and one readable error for all that is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AllowInfNan, BaseModel, ConfigDict, Strict, ValidationError

from replication.errors import Kind, UserError

# No true for a number, no "yes" for true, no inf.
Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict(), AllowInfNan(False)]
Flag = Annotated[bool, Strict()]


class Section(BaseModel):
    """A group of fields: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BadValue(ValueError):
    """A value that does not fit another one; `key` is its place in the section whose validator raises this."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


class Problem(NamedTuple):
    """What is wrong with one key of a file: "cifar.seeds.0", a clause, and its kind."""

    key: str
    message: str
    kind: Kind = "invalid"


def merge(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `changes` put over it, section by section."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        result[key] = merge(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return result


def validate(model: type[BaseModel], values: Any, where: str, file: Path | None = None) -> Any:
    """Build `model` from `values`.

    Args:
        where: begins the message: a file, and the place in it.
        file: the file that the values are from.

    Raises:
        UserError: with `where`, and each key with what is wrong and its value: one sentence, or a line each.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise make_error(where, [_translate(details) for details in error.errors()], file) from error


def make_error(where: str, problems: Sequence[Problem], file: Path | None = None) -> UserError:
    """The error that lists what is wrong in a file: one sentence, or a line each. Its key is that of the first."""
    lines = [f"{problem.key or '(top level)'}: {problem.message}" for problem in problems]
    text = f"{where}: {lines[0]}." if len(lines) == 1 else "\n  ".join([f"{where}, {len(lines)} errors:", *lines])
    key = ".".join(part for part in problems[0].key.split(".") if not part.isdecimal())  # a list, not an item of it
    return UserError(text, kind=problems[0].kind, key=key or None, file=file)


def _translate(details: Mapping[str, Any]) -> Problem:
    """One of pydantic's errors as a problem."""
    cause = details.get("ctx", {}).get("error")
    inner = [cause.key] if isinstance(cause, BadValue) else []
    message = {"extra_forbidden": "no such key", "missing": "missing"}.get(details["type"], details["msg"])
    value = "" if isinstance(details["input"], dict) else f" (found: {details['input']!r})"
    kinds: dict[str, Kind] = {"extra_forbidden": "unknown", "missing": "missing"}
    return Problem(
        ".".join(map(str, [*details["loc"], *inner])),
        f"{message.removeprefix('Value error, ')}{value}",
        kinds.get(details["type"], "invalid"),
    )
