"""results/<profile>/<arm>/: the committed record of a study, to which runs are added. Needs no torch.

`recipes.json` has what the runs' recipes share, and by its hash what is each one's own; `runs.csv` a row a run;
`scores.csv` a row a number; `curves.csv` a row a point; `summary.json` the metrics of `dvc metrics`. Equal runs give
equal bytes, in whatever order they come.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.arms import Arm, arm_of
from replication.errors import UserError
from replication.files import write_durably
from replication.nets.names import depth_of
from replication.profiles import DEFAULT, named
from replication.recipe import Recipe, merged, validate
from replication.runs.record import RunRecord
from replication.study.fidelity import differences

RECIPES, RUNS, SCORES, CURVES, SUMMARY = "recipes.json", "runs.csv", "scores.csv", "curves.csv", "summary.json"
RUN = ("net", "variant", "seed")
COLUMNS = {
    RUNS: (
        *RUN, "recipe", "status", "parameters", "macs", "warmup_ended_at", "dropped_at", "seconds", "images_per_second",
        "processes", "starts", "threads", "machine", "torch", "commit", "date", "mlflow_run_id",
    ),
    SCORES: (*RUN, "protocol", "metric", "value", "images"),
    CURVES: (*RUN, "protocol", "iteration", "error"),
}  # fmt: skip
TRAINING = "training"  # protocol of the training error, seen while training (augmented)
TRAINING_ERROR = "top1_error"  # the metric of that at the end
CURVE_POINTS = 64  # a curve of the page, as many as Figure 6 has
END_OF_TRAINING = 1 / 16  # share of the schedule over which the training error at the end is averaged
JOINED = " + "  # between the nets of an ensemble

Row = dict[str, str]


@dataclass(frozen=True)
class Result:
    """A run to be added: its record, the rows of its curve, and its scores (protocol, metric, value, images)."""

    record: RunRecord
    curve: Sequence[Mapping[str, float | None]]
    scores: Sequence[Mapping[str, Any]]


def add_results(folder: Path, results: Sequence[Result], ensembles: Iterable[Mapping[str, Any]] = ()) -> None:
    """Add runs to a study. A run that is there already is replaced; all others stay.

    Args:
        ensembles: rows of scores of nets that are named "a + b".

    Raises:
        UserError: a run is there under another recipe, or the tables there are damaged.
    """
    arm = arm_of(results[0].record.recipe.arm)
    recipes, tables = read_tables(folder, arm) if (folder / RUNS).exists() else ({}, {name: [] for name in COLUMNS})
    there = {_run(row): recipes[row["recipe"]] for row in tables[RUNS]}
    for recipe in (result.record.recipe for result in results):
        _refuse_another(folder, recipe, there.get((recipe.net, recipe.variant, str(recipe.seed)), recipe))
    added = {
        RUNS: [_run_row(result.record) for result in results],
        SCORES: [row for result in results for row in _score_rows(result)],
        CURVES: [row for result in results for row in _curve_rows(result)],
    }
    runs = {_run(_texts(row)) for row in added[RUNS]}
    ensembles = list(ensembles)
    joined = {_run(_texts(row)) for row in ensembles}
    added[SCORES] += ensembles
    recipes |= {result.record.recipe.hash: result.record.recipe for result in results}
    for name, rows in tables.items():
        kept = [row for row in rows if _run(row) not in runs | joined]
        tables[name] = sorted([*kept, *map(_texts, added[name])], key=lambda row: _place(row, arm))
    folder.mkdir(parents=True, exist_ok=True)
    used = {row["recipe"]: recipes[row["recipe"]].values for row in tables[RUNS]}
    write_durably(folder / RECIPES, (json.dumps(_factored(used), indent=2) + "\n").encode())
    for name, rows in tables.items():
        write_durably(folder / name, _csv(COLUMNS[name], rows))


def write_summary(folder: Path, arm: Arm, results: Sequence[Result]) -> None:
    """summary.json: the arm's metric by its headline protocol, a mean over the seeds of the runs just tabulated.

    A column a net, or net/variant, of `dvc exp show`.
    """
    found: dict[str, list[float]] = {}
    for result in sorted(results, key=lambda result: _place(_texts(_run_row(result.record)), arm)):
        name = named(result.record.recipe.net, result.record.recipe.variant)
        for row in result.scores:
            if (row["protocol"], row["metric"]) == (arm.headline, arm.metric.name):
                found.setdefault(name, []).append(row["value"])
    means = {name: round(sum(values) / len(values), 2) for name, values in found.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / SUMMARY, (json.dumps({arm.metric.name: means}, indent=2) + "\n").encode())


def read_tables(folder: Path, arm: Arm) -> tuple[dict[str, Recipe], dict[str, list[Row]]]:
    """The recipes of a study by their hash, and the rows of its tables as texts, by file name.

    Raises:
        UserError: a file is missing or lacks a column, or a recipe is not the one that its hash was made of.
    """
    restore = f"restore it with `git checkout {folder}`"
    try:
        stored = json.loads((folder / RECIPES).read_text())
        tables = {}
        for name, columns in COLUMNS.items():
            with (folder / name).open(newline="") as file:
                reader = csv.DictReader(file)
                missing = set(columns) - set(reader.fieldnames or ())
                if missing:
                    raise UserError(f"{folder / name} lacks the column {min(missing)}; {restore}.")
                tables[name] = list(reader)
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{folder} is incomplete ({error}); {restore}.") from error
    recipes = {}
    for key, own in stored["runs"].items():
        recipe = validate(arm.recipe, merged(stored["base"], own), f"{folder / RECIPES}, {key}")
        if recipe.hash != key:
            raise UserError(
                f"{folder / RECIPES}: the recipe of {key} was changed, its hash is {recipe.hash}; {restore}."
            )
        recipes[key] = recipe
    unknown = {row["recipe"] for row in tables[RUNS]} - set(recipes)
    if unknown:
        raise UserError(f"{folder / RECIPES} lacks the recipe {min(unknown)}, which {RUNS} names; {restore}.")
    return recipes, tables


def train_error_at_end(curve: Sequence[Mapping[str, float | None]], iterations: int) -> float:
    """Training error in percent over the last sixteenth of the schedule, as seen while training (augmented batches).

    The paper does not say how its training error is measured; its curves look like running batches too.
    """
    start, covered, wrong, previous = iterations * (1 - END_OF_TRAINING), 0.0, 0.0, 0.0
    for row in curve:
        images = row["iteration"] - previous
        if row["iteration"] > start:
            covered, wrong = covered + images, wrong + images * row["train_error"]
        previous = row["iteration"]
    return wrong / covered


def refuse_others(folder: Path, recipes: Sequence[Recipe]) -> None:
    """Refuse, before anything is trained, runs that a study has under another recipe; data may not be prepared yet.

    Raises:
        UserError: as `add_results` would raise it.
    """
    if not recipes or not (folder / RUNS).exists():
        return
    there, tables = read_tables(folder, arm_of(recipes[0].arm))
    by_run = {_run(row): there[row["recipe"]] for row in tables[RUNS]}
    for recipe in recipes:
        if old := by_run.get((recipe.net, recipe.variant, str(recipe.seed))):
            _refuse_another(folder, recipe.model_copy(update={"data": old.data}), old)


def _refuse_another(folder: Path, recipe: Recipe, there: Recipe) -> None:
    found = differences(recipe, there, ignored=())
    if found:
        first = found[0]
        raise UserError(
            f"{folder} has {named(recipe.net, recipe.variant)} · seed {recipe.seed} under another recipe: "
            f"{first.key} is {first.paper!r} there and {first.here!r} here; give the change a name, "
            f"an override or a variant, or delete {folder} if its runs are yours."
        )


def _run_row(record: RunRecord) -> dict[str, Any]:
    recipe, origin = record.recipe, record.provenance
    machine = origin["machine"]
    return {
        "net": recipe.net,
        "variant": recipe.variant,
        "seed": recipe.seed,
        "recipe": recipe.hash,
        "status": record.status,
        "parameters": record.parameters,
        "macs": record.macs,
        "warmup_ended_at": record.warmup_ended_at,
        "dropped_at": json.dumps(record.dropped_at),
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "processes": record.processes,
        "starts": record.starts,
        "threads": machine.get("threads"),
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['device']}",
        "torch": origin["versions"]["torch"],
        "commit": origin["commit"][:12] + ("+" if origin["dirty"] else ""),
        "date": origin["date"],
        "mlflow_run_id": record.mlflow_run_id,
    }


def _score_rows(result: Result) -> list[dict[str, Any]]:
    """The scores, and the training error at the end of the schedule."""
    recipe = result.record.recipe
    name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed}
    schedule = recipe.schedule
    training = {
        "protocol": TRAINING,
        "metric": TRAINING_ERROR,
        "value": round(train_error_at_end(result.curve, schedule.iterations), 4),
        "images": int(schedule.iterations * schedule.batch_size * END_OF_TRAINING),
    }
    return [name | dict(row) for row in (*result.scores, training)]


def _curve_rows(result: Result) -> list[dict[str, Any]]:
    """The training error averaged to about 64 points, and every test error."""
    recipe, curve = result.record.recipe, result.curve
    arm = arm_of(recipe.arm)
    name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed}
    step = -(-len(curve) // CURVE_POINTS)
    rows = []
    for first in range(0, len(curve), step):
        part = curve[first : first + step]
        error = sum(row["train_error"] for row in part) / len(part)
        rows.append(name | {"protocol": TRAINING, "iteration": int(part[-1]["iteration"]), "error": round(error, 4)})
    for row in curve:
        if row[arm.watched] is not None:
            seen = {"protocol": arm.protocols[0].name, "iteration": int(row["iteration"]), "error": row[arm.watched]}
            rows.append(name | seen)
    return rows


def _run(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[key] for key in RUN)


def _texts(row: Mapping[str, Any]) -> Row:
    return {key: "" if value is None else str(value) for key, value in row.items()}


def _place(row: Row, arm: Arm) -> tuple[Any, ...]:
    """Where a row stands: by depth, net, variant and seed, ensembles last; then protocols and metrics as in the arm."""
    members = row["net"].split(JOINED)
    run = (len(members) > 1, max(map(depth_of, members)), row["net"], row["variant"] != DEFAULT, row["variant"])
    scored = [(protocol.name, metric.name) for protocol in arm.protocols for metric in protocol.metrics]
    score = (row.get("protocol"), row.get("metric"))
    point = (row.get("protocol", "") != TRAINING, int(row.get("iteration", 0)))
    return (*run, int(row["seed"]), scored.index(score) if score in scored else len(scored), *point)


def _factored(recipes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What all recipes share, section by section, and what is each one's own."""
    first, *others = ({key: value for key, value in recipe.items() if key not in RUN} for recipe in recipes.values())
    base = first
    for other in others:
        base = _shared(base, other)
    return {"base": base, "runs": {key: _without(recipe, base) for key, recipe in recipes.items()}}


def _shared(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in a.items():
        if isinstance(value, Mapping) and isinstance(b.get(key), Mapping):
            if part := _shared(value, b[key]):
                found[key] = part
        elif key in b and value == b[key]:
            found[key] = value
    return found


def _without(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            if part := _without(value, base[key]):
                found[key] = part
        elif key not in base:
            found[key] = value
    return found


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
