"""What the task `detection` measured here, beside tables 7 and 8: no cell of theirs is filled by other data."""

import base64
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from replication.report.detection_steps import describe_classes
from replication.report.localization import PICTURE
from replication.report.setups import data_name, describe_setup, mean_and_std, runs_id, slug
from replication.report.sources import mean_keys, score_source
from replication.report.templating import render_notes
from replication.report.values import Cell, Figure, Row, Table
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.tasks.detection import DETECTION, MISSED, RULES

COLUMNS = [DETECTION.protocol(name).label for name in RULES]


def measured_table(studies: Sequence[Study]) -> Table:
    """Mean average precision by each rule, and objects missed: one row per net of each setup."""
    return Table(
        id="detection-here", caption="Detectors measured here, on other data than in tables 7 and 8", script=__name__,
        studies=studies, data=[SCORES], style="dense",
        columns=[
            "net", Cell("setup", "words"), *(f"{words} (%)" for words in COLUMNS), "objects missed (%)",
            Cell("each class, 11 points (%)", "words"), "n", "",
        ],
        rows=[_make_row(study, net) for study in studies for net in study.nets],
        notes=render_notes(
            "detection_here", setups=list(map(describe_setup, studies)),
            images=[study.images(study.nets[0], DETECTION.headline) for study in studies],
        ),
    )  # fmt: skip


def _make_row(study: Study, net: str) -> Row:
    link, cells = runs_id(study, net), []
    for name in RULES:
        errors, over_images = (study.errors(net, name, metric) for metric in ("map_error", "map_error_se"))
        keys = [*mean_keys(len(errors), "complement"), "over images"]
        source, small = score_source(keys, study, net, name, "map_error"), f"over images ± {over_images.mean():.1f}"
        cells.append(Cell(mean_and_std(100 - errors), "here", link, small, source=source))
    missed = study.errors(net, DETECTION.protocols[0].name, MISSED)
    number = (study, net, DETECTION.protocols[0].name, MISSED)
    cells.append(Cell(mean_and_std(missed), "here", link, source=score_source(mean_keys(len(missed)), *number)))
    classes = Cell(describe_classes(study, net), "words")
    n = Cell(str(len(missed)), source=score_source(["n"], *number))
    return Row([net, Cell(study.name, "words"), *cells, classes, n, Cell(tag=study.fidelity_of([net]))], "extra")


def detection_examples(studies: Sequence[Study], results: Path) -> list[Figure]:
    """The picture of twelve test images of each study that keeps one."""
    figures = []
    for study in studies:
        file = results / study.folder / PICTURE
        if file.exists():
            words, png = data_name(study), base64.b64encode(file.read_bytes()).decode()
            figures.append(Figure(
                id=slug("detections", study.folder), caption=f"Detections on {words}", studies=[study], data=[PICTURE],
                script="replication.tasks.detection.examples", notes=render_notes("detections", words=words),
                drawing=Markup(
                    '<figure class="wide" tabindex="0"><img alt="Twelve images with their objects and detections" '
                    'src="data:image/png;base64,{}"></figure>'
                ).format(png),
            ))  # fmt: skip
    return figures
