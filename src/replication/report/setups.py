"""Setups on the page: which it shows, their names, their runs, the commands that add to them, and their errors."""

import re
from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from replication.config.profiles import DEFAULT
from replication.data.sources import DATA_NAMES
from replication.report.sources import mean_keys, score_source
from replication.report.values import Cell
from replication.results.commands import command_of
from replication.results.fidelity import RANK
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.verdicts.claims.findings import choose_answer
from replication.words import format_mean

NOT_RUN = Cell("–", "absent", "fill", label="not run")


def choose_shown(studies: Sequence[Study], profile: str) -> list[Study]:
    """The studies of a task that tables and figures show.

    The one closest to the paper, the one that answers, those of better fidelity that say nothing of depth, the closest
    one on each other data set of the paper, and the reader's own: those under `profile`.
    """
    better = [study for study in studies if RANK[study.fidelity] < RANK[studies[0].fidelity]]
    on_more_data = {study.dataset: study for study in reversed(studies) if study.dataset in study.task.more_paper_data}
    chosen = (*studies[:1], choose_answer(studies), *better, *on_more_data.values())
    return [study for study in studies if study in chosen or study.profile == profile]


def choose_judged(studies: Sequence[Study], profile: str) -> list[Study]:
    """The studies of a task that have claim cards and a record: those shown, and all on the paper's own data."""
    shown = choose_shown(studies, profile) if studies else []
    return [study for study in studies if study in shown or study.has_paper_data]


def data_name(study: Study) -> str:
    """The data set and its pixels: "CIFAR-10, re-compressed as JPEG"."""
    name = DATA_NAMES.get(study.dataset, study.dataset)
    if study.dataset != study.task.paper_data(study.dataset):  # a stand-in, which has no other pixels
        return name
    return f"{name}, {pixels_name(study.pixels)}"


def pixels_name(pixels: str) -> str:
    """Which pixels these are: "official pixels", "re-compressed as JPEG"."""
    return "official pixels" if pixels == "official" else pixels


def schedule_share(study: Study) -> str:
    """The length of the schedule: "4,000 iterations, 1/16 of the paper's"."""
    iterations, paper = study.iterations, study.paper_recipe.schedule.iterations
    if iterations == paper:
        return f"{iterations:,} iterations, as in the paper"
    share = paper / iterations
    return f"{iterations:,} iterations, 1/{f'{share:,.0f}' if share > 100 else f'{share:.3g}'} of the paper's"


def describe_setup(study: Study) -> Markup:
    """Name, data and schedule of a study, as a sentence."""
    return Markup("<b>{}</b>: {}, {}.").format(study.name, data_name(study), schedule_share(study))


def build_command(study: Study, names: Sequence[str] = (), seeds: int = 0) -> str:
    """The command that adds nets, "resnet-110" or "resnet-110/no-warmup", to a study.

    Args:
        names: none of them builds the command that makes the whole study again.
        seeds: how many; 0 for those of the study.
    """
    variants = study.runs[study.runs["variant"] != DEFAULT]
    names = names or [*study.nets, *dict.fromkeys(variants["net"] + "/" + variants["variant"])]
    numbers = range(seeds) if seeds else sorted(study.runs["seed"].unique())
    return command_of(study.task, study.profile, names, list(numbers), study.override)


def build_paper_commands(study: Study) -> dict[str, str]:
    """By data set of the paper, the command that runs a net by its protocol, with the runs that it starts from."""
    lists = "".join(f" -S '{task}.nets=[NET]'" for task in (*study.paper_recipe.starts.values(), study.task.name))
    profiles = {study.task.label: "paper"} | {DATA_NAMES[name]: name for name in study.task.more_paper_data}
    return {
        label: f"dvc exp run -S profile={profile}{lists} tabulate@{study.task.name}"
        for label, profile in profiles.items()
    }


def slug(*words: str) -> str:
    """Words as an id."""
    return re.sub(r"[^\w.-]+", "-", "-".join(words))


def runs_id(study: Study, name: str) -> str:
    """The id of the first run of a net, or of a net under a variant; of an ensemble, that of its first member."""
    return slug("runs", study.folder, name.split(JOINED)[0])


def mean_and_std(errors: pd.Series) -> str:
    """The mean of the errors of all seeds, with their standard deviation where there are several."""
    return format_mean(errors.mean(), errors.std() if len(errors) > 1 else None)


def measured_cells(
    study: Study, net: str, protocol: str, metrics: Sequence[str], shows_best: bool = False
) -> list[Cell]:
    """A cell a metric, mean ± std over seeds; then n, and the fidelity. Empty if the net was not run.

    Args:
        net: or an ensemble, "resnet-34-A + resnet-34-B".
        shows_best: add the best seed of the first metric.
    """
    by_metric = [study.errors(net, protocol, metric) for metric in metrics]
    seeds = by_metric[0]
    if seeds.empty:
        return []
    has_best, link = shows_best and len(seeds) > 1, runs_id(study, net)
    remarks = [f"best {seeds.min():.2f}"] if has_best else []
    if (study.runs_of(net)["status"] == "chance").any():
        remarks.append("no better than chance")
    cells = []
    for metric, errors in zip(metrics, by_metric, strict=True):
        keys = mean_keys(len(errors)) + ["best"] * (has_best and not cells)
        source = score_source(keys, study, net, protocol, metric)
        cells.append(Cell(mean_and_std(errors), "here", link, "" if cells else "; ".join(remarks), source=source))
    n = Cell(str(len(seeds)), source=score_source(["n"], study, net, protocol, metrics[0]))
    return [*cells, n, Cell(tag=study.fidelity_of([net]))]
