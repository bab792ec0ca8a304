"""Error against depth, the paper left and a setup right: the figure of the first screen and of the README.

Places are in percent of a panel and letters in pixels, so that one drawing fits a phone and a desk.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from math import ceil
from typing import Any

from markupsafe import Markup

from replication import paper
from replication.nets.names import depth_of
from replication.report.answer import list_main_tasks
from replication.report.numbers import list_end_errors
from replication.report.templating import render
from replication.report.values import Figure
from replication.results.studies import Study
from replication.tasks import Task

FAMILIES = {"plain": "plain", "resnet": "ResNet"}
LEFT, RIGHT, TOP, BOTTOM = 13, 54, 20, 88  # of a panel, percent: the rest is for words
APART = 9  # percent of the height between the words at the ends of two lines
STEPS = (0.5, 1, 2, 5, 10, 20, 25)  # between ticks, of which there are five at most

Errors = Mapping[str, Mapping[int, Sequence[float]]]  # by family and depth, one value per run
Height = Callable[[float], float]
Place = Callable[[int], float]


def error_by_depth(task: Task, study: Study | None, is_file: bool = False) -> Figure:
    """The paper's errors and those of a setup.

    Args:
        study: of the task; None: nothing was run on the paper's own data.
        is_file: draw a file of its own, legible on light and dark; else it takes its colours from the page.
    """
    panels = {"Paper, full schedule": list_paper_errors(task)}
    panels[f"Here, {_schedule(study)}" if study else "Here: not run yet"] = list_our_errors(study) if study else {}
    by_family = chain.from_iterable(errors.values() for errors in panels.values())
    depths = sorted(set(chain.from_iterable(by_family)))
    label = ". ".join(f"{title}: {_describe(errors)}" for title, errors in panels.items())
    drawing = render(
        "depth.svg", panels=[_panel(title, errors, depths) for title, errors in panels.items()],
        label=f"Test error in percent, by layers. {label}.", is_file=is_file, top=TOP, bottom=BOTTOM,
    )  # fmt: skip
    return Figure(
        id=f"error-by-depth-{task.name}", caption=f"Test error by depth, {task.label}", script=__name__,
        studies=[study] if study else [], drawing=drawing, numbers=list_end_errors(task, study),
    )  # fmt: skip


def depth_figures(studies: Mapping[Task, Sequence[Study]], except_for: Task) -> list[Figure]:
    """The closest setup of each other task that tests the main findings."""
    tasks = [task for task in list_main_tasks() if task != except_for and studies[task]]
    figures = [error_by_depth(task, studies[task][0]) for task in tasks]
    in_figure = Markup("<figure>{}</figure>")
    return [replace(figure, open=in_figure.format(figure.drawing), drawing=Markup()) for figure in figures]


def list_paper_errors(task: Task) -> Errors:
    """Test errors as printed, or as drawn where they are not."""
    return _group_by_family({net: [error] for net, error in paper.end_errors(task.section)["test"].items()})


def list_our_errors(study: Study) -> Errors:
    """Test errors seed by seed; of several nets of one depth (options A, B, C) the one that the paper has there."""
    printed = paper.end_errors(study.task.section)["test"]
    in_paper = {_family_and_depth(net) for net in printed}
    nets = [net for net in study.nets if net in printed or _family_and_depth(net) not in in_paper]
    return _group_by_family(
        {net: study.errors(net, study.task.headline, study.task.metric.name).tolist() for net in nets}
    )


def _family_and_depth(net: str) -> tuple[str, int]:
    return net.partition("-")[0], depth_of(net)


def _group_by_family(errors: Mapping[str, Sequence[float]]) -> Errors:
    groups: dict[str, dict[int, Sequence[float]]] = {family: {} for family in FAMILIES}
    for net in sorted(errors, key=depth_of):
        family, depth = _family_and_depth(net)
        if family in groups and errors[net]:
            groups[family][depth] = errors[net]
    return groups


def _schedule(study: Study) -> str:
    return next((part for part in study.name.split(", ") if part.endswith("schedule")), study.name)


def _panel(title: str, errors: Errors, depths: Sequence[int]) -> dict[str, Any]:
    values = [value for by_depth in errors.values() for seeds in by_depth.values() for value in seeds]
    highest = max(values, default=10.0)
    step = next((step for step in STEPS if highest <= 4 * step), STEPS[-1])
    top = step * max(1, ceil(highest / step))

    def height(error: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * error / top, 2)

    def place(depth: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * depths.index(depth) / max(1, len(depths) - 1), 2)

    run = {depth for by_depth in errors.values() for depth in by_depth}
    families = [_family(family, by_depth, depths, place, height) for family, by_depth in errors.items() if by_depth]
    _push_apart(families)
    return {
        "title": title,
        "slots": [{"x": place(depth), "words": depth, "empty": depth not in run} for depth in depths],
        "ticks": [{"y": height(n * step), "words": f"{n * step:g}"} for n in range(round(top / step) + 1)],
        "families": families,
        "right": RIGHT + 4,
    }


def _family(
    family: str, errors: Mapping[int, Sequence[float]], depths: Sequence[int], place: Place, height: Height
) -> dict[str, Any]:
    means = {depth: sum(seeds) / len(seeds) for depth, seeds in errors.items()}
    last = max(means)
    return {
        "name": family,
        "dots": [(place(depth), height(error)) for depth, seeds in errors.items() for error in seeds],
        "lines": list(_lines(means, depths, place, height)),
        "words": f"{FAMILIES[family]} {means[last]:.1f}",
        "x": place(last) + 4,
        "y": height(means[last]),
    }


def _lines(means: Mapping[int, float], depths: Sequence[int], place: Place, height: Height) -> Iterator[dict[str, Any]]:
    """From depth to depth; over one that was not run it is `skipping`."""
    for a, b in pairwise(sorted(means)):
        skipping = depths.index(b) - depths.index(a) > 1
        yield {"start": (place(a), height(means[a])), "end": (place(b), height(means[b])), "skipping": skipping}


def _push_apart(families: Sequence[dict[str, Any]]) -> None:
    """Move the words of two lines that end near each other."""
    for lower, upper in pairwise(sorted(families, key=lambda family: -family["y"])):
        upper["y"] = round(min(upper["y"], lower["y"] - APART), 2)


def _describe(errors: Errors) -> str:
    """The values, for those who do not see the figure."""
    parts = []
    for family, by_depth in errors.items():
        means = [f"{depth} layers {sum(seeds) / len(seeds):.1f}" for depth, seeds in by_depth.items()]
        if means:
            parts.append(f"{FAMILIES[family]} nets: {', '.join(means)}")
    return "; ".join(parts) or "nothing"
