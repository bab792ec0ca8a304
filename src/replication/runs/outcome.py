"""What tests of a net gave, and the folder that keeps it: `scores.csv` and `probabilities.safetensors`, with
`responses.csv` where the responses of its layers were measured, and `examples.png` where images were drawn.

`scores.csv` is long, a row a number, and read without torch. The probabilities are kept so that nets can be averaged
later; in half precision, as those of ImageNet's validation images would take 200 MB a protocol else.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.config.profiles import DEFAULT
from replication.files import check_whole, replacing
from replication.tasks import Task
from replication.tasks.outcome import Scores, average

if TYPE_CHECKING:
    from torch import Tensor


SCORES, PROBABILITIES, PICTURE = "scores.csv", "probabilities.safetensors", "examples.png"


RESPONSES = "responses.csv"


WEIGHTS = "weights.sha256"  # of the net that was tested


REMAKE = "run `dvc repro`"


COLUMNS = ["protocol", "metric", "value", "images"]


def rows_of(scores: Mapping[str, Scores], task: Task) -> list[dict[str, Any]]:
    """A row for each protocol and metric of the task: protocol, metric, value in percent, images."""
    return [
        {
            "protocol": protocol.name,
            "metric": metric.name,
            "value": round(scores[protocol.name].value(metric.name), 4),
            "images": scores[protocol.name].images,
        }
        for protocol in task.protocols
        if protocol.name in scores
        for metric in protocol.metrics
    ]


def write_scores(
    folder: Path,
    scores: Mapping[str, Scores],
    task: Task,
    picture: bytes | None = None,
    responses: Sequence[float] = (),
    weights: str = "",
) -> None:
    """Write a folder of scores by protocol, whole or not at all.

    Args:
        weights: sha256 of the file of the net that was tested.
        picture: of some test images.
        responses: standard deviation of those of each layer, from the first on.

    Raises:
        UserError: it cannot be written.
    """
    from safetensors.torch import save_file

    tensors = {}
    for protocol, found in scores.items():
        tensors |= {f"{protocol}.{name}": tensor for name, tensor in found.tensors().items()}
    with replacing(folder) as unfinished:
        (unfinished / WEIGHTS).write_text(f"{weights}\n", encoding="utf-8")
        with (unfinished / SCORES).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows_of(scores, task))
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, unfinished / PROBABILITIES)
        if responses:
            with (unfinished / RESPONSES).open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file, lineterminator="\n")
                rows.writerow(["layer", "value"])
                rows.writerows((layer, round(value, 4)) for layer, value in enumerate(responses, start=1))
        if picture:
            (unfinished / PICTURE).write_bytes(picture)


def read_scores(folder: Path) -> list[dict[str, Any]]:
    """The rows of `scores.csv`, as `rows_of` made them.

    Raises:
        UserError: it is missing or damaged.
    """
    with check_whole(folder, SCORES, REMAKE).open(newline="", encoding="utf-8") as file:
        return [row | {"value": float(row["value"]), "images": int(row["images"])} for row in csv.DictReader(file)]


def read_weights_digest(folder: Path) -> str:
    """The sha256 of the file of the net that was tested.

    Raises:
        UserError: the file is missing or damaged.
    """
    return check_whole(folder, WEIGHTS, REMAKE).read_text(encoding="utf-8").strip()


def read_responses(folder: Path) -> list[float]:
    """The standard deviations of the layers' responses; empty where they were not measured.

    Raises:
        UserError: the file is damaged.
    """
    if not (folder / RESPONSES).exists():
        return []
    with check_whole(folder, RESPONSES, REMAKE).open(newline="", encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file)]


def read_probabilities(folder: Path, protocol: str) -> Scores | None:
    """What a protocol gave, to half precision; None if the net was not tested by it.

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors import safe_open

    with safe_open(check_whole(folder, PROBABILITIES, REMAKE), "pt") as file:
        if f"{protocol}.labels" not in set(file.keys()):
            return None
        probabilities = file.get_tensor(f"{protocol}.probabilities").float()
        return Scores(probabilities, file.get_tensor(f"{protocol}.labels"))


def read_tensors(folder: Path) -> "dict[str, dict[str, Tensor]]":
    """All that is kept of the protocols, by protocol and name.

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors.torch import load_file

    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in load_file(check_whole(folder, PROBABILITIES, REMAKE)).items():
        protocol, _, name = key.partition(".")
        found.setdefault(protocol, {})[name] = tensor
    return found


def ensemble(folders: Sequence[Path], protocol: str) -> Scores | None:
    """The average of the probabilities in several folders; None if a member was not tested by the protocol."""
    members = [read_probabilities(folder, protocol) for folder in folders]
    return None if None in members else average(members)


def ensemble_rows(nets: Sequence[str], seed: int, folders: Sequence[Path], task: Task) -> list[dict[str, Any]]:
    """Rows of an ensemble by the protocols that all its members were tested by; its net is called "a + b"."""
    scores = {protocol.name: ensemble(folders, protocol.name) for protocol in task.protocols}
    name = {"net": " + ".join(nets), "variant": DEFAULT, "seed": seed}
    return [name | row for row in rows_of({key: found for key, found in scores.items() if found}, task)]
