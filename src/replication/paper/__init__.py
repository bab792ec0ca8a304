"""The paper's own numbers, curves and claims: `paper.yaml` and `curves.json`, with one loader; and others' numbers.

`paper.yaml` holds every number of arXiv:1512.03385v1 with its sources and a confidence; `curves.json` the points of
figures 1, 4, 6 and 7, digitised from the vector graphics of the PDF; `replications.yaml` what others measured on the
same nets. Nothing is typed twice: tests and the page read
the values from here. Nets go by our names, "resnet-34-B" for its "ResNet-34 B": `names` translates, once.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from replication.paper.names import rows_with_nets, use_our_names

__all__ = [
    "Claim", "about", "about_table", "claim", "claim_ids", "curve", "end_errors", "figure", "list_curve_nets",
    "number", "protocol", "published_spread", "replications", "replications_seen", "table",
    "trained_nets",
]  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A falsifiable statement of the paper."""

    id: str
    statement: str
    support: tuple[str, ...]  # T6: Table 6, F1: Figure 1, else a section
    caveat: str | None


def table(number: int) -> list[dict[str, Any]]:
    """Rows of a table of the paper, e.g. `table(6)`; `kind` tells the authors' own rows from comparators.

    `net` is the row's net by our name, None for one that cannot be built here; Table 2 has one row per net.
    """
    return next(t["rows"] for t in _paper()["tables"] if t["id"] == number)


def about_table(number: int) -> dict[str, Any]:
    """A table of the paper as `paper.yaml` has it: caption, metric, dataset, test_protocol, columns, and rows."""
    return next(t for t in _paper()["tables"] if t["id"] == number)


def claim(claim_id: str) -> Claim:
    """A claim by its id, K01 to K32.

    Raises:
        KeyError: there is none.
    """
    entry = next((c for c in _paper()["claims"] if c["id"] == claim_id), None)
    if entry is None:
        raise KeyError(f"paper.yaml has no claim {claim_id}")
    return Claim(entry["id"], entry["statement"], tuple(entry["support"]), entry.get("caveat"))


def claim_ids() -> list[str]:
    """The ids of all claims of the paper, in its order."""
    return [entry["id"] for entry in _paper()["claims"]]


def about() -> dict[str, str]:
    """How the paper is cited: `authors`, `year`, `arxiv`, and its `address`."""
    paper = _paper()["paper"]
    names = [author.rpartition(" ")[2] for author in paper["authors"]]
    number = f"{paper['arxiv']}{paper['arxiv_version']}"
    authors = f"{', '.join(names[:-1])} and {names[-1]}"
    return {
        "authors": authors,
        "year": str(paper["year"]),
        "arxiv": number,
        "address": f"https://arxiv.org/abs/{number}",
    }


def figure(number: int) -> dict[str, Any]:
    """What `paper.yaml` says of a figure: axes, and values read off the digitised curves, by our names of the nets."""
    return next(f for f in _paper()["figures"] if f["id"] == number)


def number(number_id: str) -> Any:
    """A number of the running text, N01 to N32, e.g. `number("N06")`, the multiply-adds of VGG-19 in billions."""
    return next(n for n in _paper()["text_numbers"] if n["id"] == number_id)["value"]


def protocol(section: str, fact_id: str) -> dict[str, Any]:
    """Values of a fact of the protocol, e.g. `protocol("cifar10", "C3")["stop_iter"]`."""
    return next(f for f in _paper()["protocol"][section] if f["id"] == fact_id)["values"]


def curve(figure_id: str, split: str, net: str) -> list[tuple[float, float]]:
    """A digitised curve as (iteration, error in %) points, e.g. `curve("fig6", "train", "plain-56")`; [] if not drawn.

    The panels are cut at 20 % error (63 % in Figure 4), so a curve starts where it falls below. `split` is "train" or
    "test"; in Figure 4 the latter is the validation error of centre crops.
    """
    return [(x * 10_000, y) for x, y in _curves().get((figure_id, split, net), [])]


def list_curve_nets(figure_id: str) -> list[str]:
    """The nets of whose training `curve` has curves in a figure, "fig6" say, in its order."""
    return list(dict.fromkeys(net for curve_figure, _, net in _curves() if curve_figure == figure_id))


def end_errors(section: str) -> dict[str, dict[str, float]]:
    """Errors in percent at the end of training, "train" and "test", by split and net: of section "4.1" or "4.2".

    Test errors are those of Table 2 (10 crops) and the last points of Figure 6; training errors are means over the last
    points of figures 4 and 6.
    """
    digitised = figure(6)["digitised"]
    depths = (20, 32, 44, 56)
    small = [f"{kind}-{depth}" for kind in ("plain", "resnet") for depth in depths]
    return {
        "4.1": {
            "train": figure(4)["digitised"]["train_mean_50_55e4"],
            "test": {row["net"]: row["top1"] for row in table(2)},
        },
        "4.2": {
            "train": {net: digitised["train_mean_59_64k"][net] for net in small},
            "test": {net: digitised["test_final"][net] for net in small},
        },
    }[section]


def trained_nets(section: str) -> frozenset[str]:
    """The nets that the paper trained for a section, "4.1" to "4.3" or "C": of its tables, and of Figure 6.

    Empty for any other section.
    """
    tables = {"4.1": (2, 3, 4), "4.2": (6,), "4.3": (7, 8), "C": (13,)}.get(section, ())
    nets = {row["net"] for number in tables for row in table(number) if row.get("kind", "own") == "own"} - {None}
    if section == "4.2":
        nets |= {*figure(6)["digitised"]["test_final"], *figure(6)["trained_but_not_drawn"]}
    return frozenset(nets)


def replications() -> list[dict[str, Any]]:
    """What others measured on the nets of section 4.2: `name`, `n`, `statistic`, and `errors` in percent by net."""
    return _replications()["projects"]


def replications_seen() -> str:
    """The day on which others' numbers were looked up, "2026-11-25"."""
    return str(_replications()["seen"])


def published_spread(task: str, protocol: str, metric: str) -> list[tuple[float, int]]:
    """How far seeds spread at the paper's own schedule, as others published it: (standard deviation, seeds) a net.

    Empty for what nobody has published.
    """
    spread = _replications()["published_spread"]
    if (task, protocol, metric) != (spread["task"], spread["protocol"], spread["metric"]):
        return []
    project = next(project for project in replications() if project["name"] == spread["project"])
    return [(std, project["n"]) for std in project["std"].values()]


@cache
def _replications() -> dict[str, Any]:
    return YAML(typ="safe").load(files(__package__).joinpath("replications.yaml").read_text(encoding="utf-8"))


@cache
def _paper() -> dict[str, Any]:
    content = YAML(typ="safe").load(files(__package__).joinpath("paper.yaml").read_text(encoding="utf-8"))
    tables = [t | {"rows": rows_with_nets(t["id"], t["rows"])} for t in content["tables"]]
    return content | {"tables": tables, "figures": use_our_names(content["figures"])}


@cache
def _curves() -> dict[tuple[str, ...], list[list[float]]]:
    curves = json.loads(files(__package__).joinpath("curves.json").read_text(encoding="utf-8"))["curves"]
    return {
        (figure_id, "test" if split == "val" else split, use_our_names(net)): points
        for (figure_id, split, net), points in ((key.split("."), points) for key, points in curves.items())
    }
