"""The paper's own numbers, curves and claims: `paper.yaml` and `curves.json`, with one loader.

`paper.yaml` holds every number of arXiv:1512.03385v1 with its sources and a confidence; `curves.json` the points of
figures 1, 4, 6 and 7, digitised from the vector graphics of the PDF. Nothing is typed twice: tests and the page read
the values from here.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

__all__ = ["Claim", "claim", "curve", "figure", "number", "protocol", "table"]


@dataclass(frozen=True)
class Claim:
    """A falsifiable statement of the paper."""

    id: str
    statement: str
    support: tuple[str, ...]  # T6: Table 6, F1: Figure 1, else a section
    caveat: str | None


def table(number: int) -> list[dict[str, Any]]:
    """Rows of a table of the paper, e.g. `table(6)`; `kind` tells the authors' own rows from comparators."""
    return next(t["rows"] for t in _paper()["tables"] if t["id"] == number)


def claim(claim_id: str) -> Claim:
    """A claim by its id, K01 to K32."""
    found = next(c for c in _paper()["claims"] if c["id"] == claim_id)
    return Claim(found["id"], found["statement"], tuple(found["support"]), found.get("caveat"))


def figure(number: int) -> dict[str, Any]:
    """What `paper.yaml` says of a figure: axes, and values read off the digitised curves."""
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
    "test"; in Figure 4 the latter is the validation error of centre crops, and the residual nets are `resnet-18-A` and
    `resnet-34-A`.
    """
    name = net.replace("resnet", "ResNet").removesuffix("-A")
    split = "val" if figure_id == "fig4" and split == "test" else split
    return [(x * 10_000, y) for x, y in _curves().get(f"{figure_id}.{split}.{name}", [])]


@cache
def _paper() -> dict[str, Any]:
    return YAML(typ="safe").load(files(__package__).joinpath("paper.yaml").read_text(encoding="utf-8"))


@cache
def _curves() -> dict[str, list[list[float]]]:
    return json.loads(files(__package__).joinpath("curves.json").read_text(encoding="utf-8"))["curves"]
