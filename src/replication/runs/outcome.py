"""The folder of an evaluation: `scores.csv` and `outcomes.safetensors`, with `responses.csv` where the responses of the
layers were measured, `precision.csv` where objects were detected, and `examples.png` where images were drawn.
`scores.csv` is read without torch.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.config.profiles import DEFAULT
from replication.files import check_whole, replace_folder
from replication.tasks import Task
from replication.tasks.outcome import EnsembleOutcome, Outcome

if TYPE_CHECKING:
    from torch import Tensor

SCORES, TENSORS, PICTURE = "scores.csv", "outcomes.safetensors", "examples.png"
RESPONSES, PRECISION = "responses.csv", "precision.csv"
WEIGHTS = "weights.sha256"  # of the net that was tested
REMAKE = "run `dvc repro`"
POINT = ("category", "recall", "precision")  # the columns of precision.csv
COLUMNS = ["protocol", "metric", "value", "images"]


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of a net: outcomes by protocol; the standard deviation of the responses of each layer, from
    the first on; a picture of test images, a PNG file; points of precision-recall curves, see `POINT`.
    """

    outcomes: Mapping[str, Outcome]
    responses: Sequence[float] = field(default_factory=list)
    picture: bytes | None = None
    precision: Sequence[Mapping[str, Any]] = ()


def score_rows(outcomes: Mapping[str, Outcome], task: Task) -> list[dict[str, Any]]:
    """A row for each protocol and metric of the task: protocol, metric, value in the metric's unit, images."""
    rows = []
    for protocol in task.protocols:
        if outcome := outcomes.get(protocol.name):
            values = outcome.metrics()
            for metric in protocol.metrics:
                row = {"protocol": protocol.name, "metric": metric.name, "value": round(values[metric.name], 4)}
                rows.append(row | {"images": outcome.images})
    return rows


def write_evaluation(folder: Path, evaluation: Evaluation, task: Task, weights: str = "") -> None:
    """Write the folder of an evaluation, complete or not at all.

    Args:
        weights: sha256 of the file of the net that was tested.

    Raises:
        UserError: it cannot be written.
    """
    from safetensors.torch import save_file

    tensors = {
        f"{protocol}.{name}": tensor.contiguous()
        for protocol, outcome in evaluation.outcomes.items()
        for name, tensor in outcome.tensors().items()
    }
    with replace_folder(folder) as unfinished:
        (unfinished / WEIGHTS).write_text(f"{weights}\n", encoding="utf-8")
        with (unfinished / SCORES).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(score_rows(evaluation.outcomes, task))
        save_file(tensors, unfinished / TENSORS)
        if evaluation.responses:
            with (unfinished / RESPONSES).open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file, lineterminator="\n")
                rows.writerow(["layer", "value"])
                rows.writerows((layer, round(value, 4)) for layer, value in enumerate(evaluation.responses, start=1))
        if evaluation.precision:
            with (unfinished / PRECISION).open("w", newline="", encoding="utf-8") as file:
                points = csv.DictWriter(file, POINT, lineterminator="\n")
                points.writeheader()
                points.writerows(evaluation.precision)
        if evaluation.picture:
            (unfinished / PICTURE).write_bytes(evaluation.picture)


def read_scores(folder: Path) -> list[dict[str, Any]]:
    """The rows of `scores.csv`, as `score_rows` made them.

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


def read_precision(folder: Path) -> list[dict[str, Any]]:
    """The points of precision-recall curves; empty where none were measured.

    Raises:
        UserError: the file is damaged.
    """
    if not (folder / PRECISION).exists():
        return []
    with check_whole(folder, PRECISION, REMAKE).open(newline="", encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def read_tensors(folder: Path) -> "dict[str, dict[str, Tensor]]":
    """The kept tensors of the outcomes, by protocol and name.

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors.torch import load_file

    by_protocol: dict[str, dict[str, Tensor]] = {}
    for key, tensor in load_file(check_whole(folder, TENSORS, REMAKE)).items():
        protocol, _, name = key.partition(".")
        by_protocol.setdefault(protocol, {})[name] = tensor
    return by_protocol


def average_outcomes(folders: Sequence[Path], task: Task) -> dict[str, Outcome]:
    """The outcomes of an ensemble of the nets in several folders, by each protocol with the tensors of all of them.

    Raises:
        UserError: a file is missing or damaged.
    """
    outcome_class: type[EnsembleOutcome] = task.code("evaluate").OUTCOME
    members = [read_tensors(folder) for folder in folders]
    averages = {}
    for protocol in task.protocols:
        outcomes = [outcome_class.from_tensors(tensors.get(protocol.name, {})) for tensors in members]
        if None not in outcomes:
            averages[protocol.name] = outcome_class.average(outcomes)
    return averages


def make_ensemble_rows(
    nets: Sequence[str], seed: int, folders: Sequence[Path], task: Task, variant: str = DEFAULT
) -> list[dict[str, Any]]:
    """Rows of scores of an ensemble; its name is "a + b"."""
    name = {"net": " + ".join(nets), "variant": variant, "seed": seed}
    return [name | row for row in score_rows(average_outcomes(folders, task), task)]


def make_seed_ensembles(runs: Mapping[tuple[str, str], Mapping[int, Path]], task: Task) -> Iterator[dict[str, Any]]:
    """Rows of scores of the ensemble of all seeds of each net, for nets with several; its name is "net + net + …".

    Args:
        runs: by net and variant the folder of each seed.
    """
    for (net, variant), folders in runs.items():
        if len(folders) > 1:
            yield from make_ensemble_rows([net] * len(folders), min(folders), list(folders.values()), task, variant)
