"""The order of classes: which output of a published net belongs to which class of the prepared images."""

import re
from collections.abc import Sequence

from replication.errors import UserError

WNID = re.compile(r"n\d{8}")  # an ImageNet class, "n01440764"; published nets have them in the order of their names


def find_outputs(names: Sequence[str], official: Sequence[str], dataset: str) -> list[int]:
    """For each class of the prepared images, the output of a published net that stands for it.

    Args:
        names: the classes of the images, in the order of their labels: their names, or their numbers.
        official: the classes of the data set in the order of published nets; empty where they are sorted wnids.
        dataset: its key in params.yaml, for the message.

    Raises:
        UserError: the names differ from those of published nets, so the order of the classes is unknown.
    """
    if list(names) == [str(number) for number in range(len(names))]:
        return list(range(len(names)))
    known = list(official) or sorted(name for name in names if WNID.fullmatch(name))
    unknown = sorted(set(names) ^ set(known))
    if unknown:
        example = known[0] if known else "n01440764"
        raise UserError(
            f"{unknown[0]} is not a class of both the prepared images of {dataset} and published nets; their outputs "
            f"cannot be matched. Name the class folders as the authors do ({example}, …), or set "
            f"data.{dataset}.source to the authors' archive, and run `dvc repro prepare`.",
            kind="conflict",
            key=f"data.{dataset}.source",
        )
    return [known.index(name) for name in names]
