"""The columns of the tables in results/<profile>/<task>/, with types and bounds. Needs no torch.

Rows are checked when they are read and when they are written. `python -m replication.results.schema` prints the columns
as results/README.md has them.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic import Json as InJson

from replication.config.validation import BadValue
from replication.errors import UserError
from replication.runs.curve import ERROR, TEST, TRAIN
from replication.runs.record import TRAINING, TRAINING_ERROR, Status
from replication.tasks import Task

JOINED = " + "  # between the nets of an ensemble

BY, LONGEST = re.compile(r"^[^\s|]([^\r\n|]*[^\s|])?$"), 80  # a name
PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


def _plain(value: Any) -> Any:
    """A number as it is written here: pydantic also takes "1_000", " 9" and the digits of other scripts."""
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        raise ValueError("Input should be a number")
    return value


Whole = Annotated[int, BeforeValidator(_plain)]
Number = Annotated[float, BeforeValidator(_plain)]
Count = Annotated[Whole, Field(ge=1, le=10**15)]  # more is a slip of the finger
Percent = Annotated[Number, Field(ge=0, le=100)]


class ResultRow(BaseModel):
    """The first columns of all tables: the run that a row belongs to."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    net: str = Field(description='a net, "resnet-20"; of scores also an ensemble, "plain-18 + resnet-18-A"')
    variant: str = Field(description='"default", or the name of a variant in the profile', pattern=r"^[\w.-]+$")
    seed: Whole = Field(ge=0, description="of weights and batches")

    @model_validator(mode="after")
    def _nets_are_of_the_task(self, info: ValidationInfo) -> "ResultRow":
        members = self.net.split(JOINED)
        if len(members) > 1 and not isinstance(self, ScoreRow):
            raise BadValue("net", f"{self.net!r} is an ensemble, which only scores.csv may have")
        for member in members:
            try:
                info.context["task"].check_net(member)
            except UserError as error:
                raise BadValue("net", str(error).removesuffix(".")) from error
        return self


class RunRow(ResultRow):
    """A run. Everything else follows from its recipe, in recipes.json."""

    recipe: str = Field(description="hash of its recipe, a key of recipes.json", pattern="^[0-9a-f]{16}$")
    status: Status = Field(description='"trained", or "chance": it ended no better than chance')
    parameters: Count = Field(description="of the net")
    macs: Count = Field(description="multiply-accumulates of the net for one image")
    warmup_ended_at: Count | None = Field(description="iteration at which the warm-up of section 4.2 ended; or empty")
    dropped_at: InJson[list[Count]] = Field(description="iterations from which the learning rate was lower")
    seconds: Number = Field(gt=0, description="that the training took, over all its starts")
    images_per_second: Number = Field(gt=0, description="training images, tests included in the time")
    processes: Count = Field(description="that trained the net together, one a GPU")
    starts: Count = Field(description="1: never interrupted")
    threads: str | None = Field(
        pattern=r"^[0-9]+(\+[0-9]+)*$", description='of the processor, "2"; "1+2": first 1, then 2'
    )
    machine: str = Field(description="processor, cores and device")
    torch: str = Field(pattern=r"^[0-9]+\.[0-9]+", description="its version")
    commit: str = Field(pattern=r"^([0-9a-f]{7,40}\+?|unknown\+?)$", description="of the code; +: it was changed since")
    date: datetime.date = Field(description="on which the training ended")
    mlflow_run_id: str | None = Field(pattern=r"^[0-9a-f]+$", description="the run in MLflow, where it was tracked")


class ScoreRow(ResultRow):
    """A number: a metric of one net, or of an ensemble, by one protocol, at the last iteration."""

    protocol: str = Field(description='how it was tested, "ten_crop"; "training": on its last training batches')
    metric: str = Field(description='a metric of the task, "top1_error"')
    value: Percent = Field(description="in percent")
    images: Count = Field(description="on which it was measured")

    @model_validator(mode="after")
    def _protocol_is_of_the_task(self, info: ValidationInfo) -> "ScoreRow":
        task: Task = info.context["task"]
        expected = {(protocol.name, metric.name) for protocol in task.protocols for metric in protocol.metrics}
        if (self.protocol, self.metric) not in expected | {(TRAINING, TRAINING_ERROR)}:
            raise BadValue("metric", f"the task {task.name} has no {self.metric!r} by the protocol {self.protocol!r}")
        return self


class CurveRow(ResultRow):
    """A point of a training curve."""

    iteration: Count = Field(description="after which it was measured")
    split: Literal["train", "test"] = Field(description='"train": mean since the point before; "test": on test images')
    metric: str = Field(description='"error" in training; on test images a metric of the task\'s first protocol')
    value: Percent = Field(description="in percent")

    @model_validator(mode="after")
    def _metric_is_of_a_curve(self, info: ValidationInfo) -> "CurveRow":
        expected = {TRAIN: ERROR, TEST: info.context["task"].curve_metric.name}[self.split]
        if self.metric != expected:
            raise BadValue("metric", f"{self.metric!r} is not {expected}")
        return self


class LayerRow(ResultRow):
    """A number of one 3x3 layer of a net of section 4.2, or of all its convolutions."""

    iteration: Count = Field(description="after which, or at which, it was measured")
    layer: Count = Field(description="counted from the input")
    value: Number = Field(ge=0, description="standard deviation of its responses, or norm of its weights' gradient")


class RerunRow(ResultRow):
    """A run that somebody else made again: its headline number. It enters no mean, no n and no verdict."""

    by: str = Field(description="who made it", pattern=BY.pattern, max_length=LONGEST)
    recipe: str = Field(description="hash of its recipe", pattern="^[0-9a-f]{16}$")
    protocol: str = Field(description="the headline protocol of the task")
    metric: str = Field(description="the headline metric of the task")
    value: Percent = Field(description="in percent, measured here on its weights")
    images: Count = Field(description="on which it was measured")
    threads: str | None = Field(pattern=r"^[0-9]+(\+[0-9]+)*$", description="as in runs.csv")
    machine: str = Field(description="as in runs.csv")
    torch: str = Field(pattern=r"^[0-9]+\.[0-9]+", description="its version")
    commit: str = Field(pattern=r"^([0-9a-f]{7,40}\+?|unknown\+?)$", description="as in runs.csv")
    date: datetime.date = Field(description="on which the training ended")

    @model_validator(mode="after")
    def _is_of_the_headline(self, info: ValidationInfo) -> "RerunRow":
        task: Task = info.context["task"]
        if (self.protocol, self.metric) != (task.headline, task.metric.name):
            raise BadValue("metric", f"{self.metric!r} by {self.protocol!r} is not the headline of {task.name}")
        return self


class PrecisionRow(ResultRow):
    """A point of the precision-recall curve of one class, at an overlap of 0.5."""

    category: str = Field(description="the class, as the data set names it")
    recall: Percent = Field(description="share of the objects that are found, in percent")
    precision: Percent = Field(description="best precision at this recall or more, in percent")


def columns(model: type[ResultRow]) -> list[str]:
    """The columns of a table, in order."""
    return list(model.model_fields)


def check_rows(
    model: type[ResultRow],
    rows: Iterable[Mapping[str, Any]],
    task: Task,
    where: str,
    remedy: str,
    file: Path | None = None,
) -> list[Any]:
    """Rows of a table, as texts of its file or as values, with the types of its columns. An empty cell is None.

    Raises:
        UserError: a row is not one of this table; the message names file, line, column, value and remedy.
    """
    texts = [{key: None if value == "" else value for key, value in row.items()} for row in rows]
    try:
        return TypeAdapter(list[model]).validate_python(texts, context={"task": task})
    except ValidationError as error:
        first = error.errors()[0]
        line, *key = first["loc"]
        cause = first.get("ctx", {}).get("error")
        key += [cause.key] if isinstance(cause, BadValue) else []
        column = ".".join(str(part) for part in key) or "the row"
        value = "" if isinstance(first["input"], dict | ResultRow) else f" (found: {first['input']!r})"
        reason = first["msg"].removeprefix("Value error, ")
        message = f"{where}, line {int(line) + 2}: {column}: {reason}{value}; {remedy}."
        raise UserError(message, kind="damaged", key=str(key[0]) if key else None, file=file) from error


def as_markdown() -> str:
    """The columns of all tables, for results/README.md."""
    lines = []
    tables = {"runs.csv": RunRow, "scores.csv": ScoreRow, "curves.csv": CurveRow}
    others = {"responses.csv and gradients.csv": LayerRow, "precision.csv": PrecisionRow, "reruns.csv": RerunRow}
    for name, model in (tables | others).items():
        lines += [f"### {name}", "", (model.__doc__ or "").strip(), "", "| column | type | what |", "|---|---|---|"]
        for key, column in model.model_fields.items():
            lines.append(f"| {key} | {_type(column.annotation)} | {column.description} |")
        lines.append("")
    return "\n".join(lines)


def _type(annotation: Any) -> str:
    text = str(annotation)
    words = {"list": "list of whole numbers", "int": "whole number", "float": "number", "date": "date"}
    return next((word for key, word in words.items() if key in text), "text") + (
        " or empty" if type(None) in get_args(annotation) else ""
    )


if __name__ == "__main__":
    print(as_markdown())
