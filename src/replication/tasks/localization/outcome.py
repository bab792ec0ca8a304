"""What a protocol of appendix C gives: a box an image; and ensembles of them. Read by the stage `tabulate` too.

An ensemble is of one net trained with several seeds (Table 13's last row). The paper does not say how it joins boxes:
here each image's box is the mean of theirs, side by side, for the same class, as all seeds are given the same guesses,
those of the one classifier that they begin with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from replication.config.recipe import Recipe
from replication.nets.boxes import RIGHT, nearest
from replication.runs.outcome import read_tensors, rows_of
from replication.tasks import step_of


@dataclass(frozen=True)
class Located:
    """What one protocol gave: for each way to locate, by its name, the overlap of its box with the nearest true box of
    the class, [N] from 0 to 1; 0 where no guessed class is the true one. And the boxes, [N, 4] in pixels of the image,
    of the true class; NaN likewise. `true` are the true boxes, [N, K, 4], NaN where there are fewer than K.
    """

    overlaps: Mapping[str, Tensor]
    boxes: Mapping[str, Tensor]
    true: Tensor | None = None  # None where ensembles are not asked for

    @property
    def images(self) -> int:
        return len(next(iter(self.overlaps.values())))

    def value(self, metric: str) -> float:
        """`<way>_error`, the images whose box is wrong, or `<way>_iou`, the mean overlap; percent."""
        way, _, kind = metric.rpartition("_")
        overlaps = self.overlaps[way].double()
        return 100 * ((overlaps < RIGHT).double() if kind == "error" else overlaps).mean().item()

    def tensors(self) -> dict[str, Tensor]:
        """What is kept of it, by name."""
        kept = {"overlaps": self.overlaps, "boxes": self.boxes}
        found = {f"{way}.{kind}": tensor for kind, of in kept.items() for way, tensor in of.items()}
        return found if self.true is None else found | {"true": self.true}


def average_boxes(members: Sequence[Located]) -> Located:
    """The mean of the boxes of several nets on the same images.

    Raises:
        ValueError: they are of other images.
    """
    true = members[0].true
    if any(not torch.equal(member.true.nan_to_num(-1), true.nan_to_num(-1)) for member in members):
        raise ValueError("members of an ensemble must locate the same objects in the same order")
    boxes = {way: torch.stack([member.boxes[way] for member in members]).mean(0) for way in members[0].boxes}
    return Located({way: nearest(of, true) for way, of in boxes.items()}, boxes, true)


def rows_of_seeds(runs: Sequence[tuple[Recipe, Path]]) -> list[dict[str, Any]]:
    """Rows of the ensembles of all seeds of each net that has several, by the protocols that keep true boxes; one is
    called "net + net + …".

    Args:
        runs: recipe, and folder of scores.

    Raises:
        UserError: a file is missing or damaged.
    """
    of_net: dict[tuple[str, str], list[tuple[Recipe, Path]]] = {}
    for recipe, folder in runs:
        of_net.setdefault((recipe.net, recipe.variant), []).append((recipe, folder))
    rows = []
    for (net, variant), members in of_net.items():
        if len(members) > 1:
            step, kept = step_of(members[0][0]), [read_tensors(folder) for _, folder in members]
            whole = [p.name for p in step.protocols if all("true" in of.get(p.name, {}) for of in kept)]
            found = {name: average_boxes([_located(of[name]) for of in kept]) for name in whole}
            seed = min(recipe.seed for recipe, _ in members)
            name = {"net": " + ".join([net] * len(members)), "variant": variant, "seed": seed}
            rows += [name | row for row in rows_of(found, step)]
    return rows


def _located(kept: dict[str, Tensor]) -> Located:
    of_kind = {
        kind: {key.removesuffix(f".{kind}"): of for key, of in kept.items() if key.endswith(f".{kind}")}
        for kind in ("overlaps", "boxes")
    }
    return Located(of_kind["overlaps"], of_kind["boxes"], kept["true"])
