"""Figures 2 and 5: a residual block, and the two blocks that cost alike, drawn from the built ones."""

import matplotlib.pyplot as plt
import torch
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from torch import nn

from replication.nets.blocks import Block, Bottleneck
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.numbers import list_layers
from replication.report.palette import FAMILY_STEP, LIGHT
from replication.report.values import Figure

SIDE = 56  # of the maps of conv2, on which both blocks work (Table 1)
HIGH, WIDE, STEP = 0.62, 2.2, 1.15


def figure_2() -> Figure:
    """Figure 2: two weighted layers, and the identity that is added to their output."""
    with torch.device("meta"):
        block = Block(64, 64, 1, nn.Identity())
    with plt.style.context(["default", {**STYLE, "axes.grid": False}]):
        figure, axes = plt.subplots(figsize=(3.8, 2.9), layout="constrained")
        layers = _layers(block)
        words = ["weight layer"] * len(layers)
        _draw(axes, 0, words, top="x", identity="identity, x", bottom="F(x) + x", inside="F(x)")
        _frame(axes, 0, len(layers))
        label = f"A residual block: {len(layers)} weight layers give F(x); a shortcut adds x to it, then ReLU"
        drawing = Markup('<figure class="small">{}</figure>').format(write_svg(figure, label, "figure-2"))
    return _make_figure(2, "A residual block", drawing, ["resnet-34-A"])


def figure_5() -> Figure:
    """Figure 5: the basic block on 64 channels and the bottleneck on 256, with their layers and costs."""
    with torch.device("meta"):
        blocks = {64: Block(64, 64, 1, nn.Identity()), 256: Bottleneck(256, 64, 1, nn.Identity(), "1x1")}
    deepest = max(len(_layers(block)) for block in blocks.values())
    drawings = []
    for channels, block in blocks.items():
        layers = _layers(block)
        words = [f"{layer.kernel_size[0]}×{layer.kernel_size[0]}, {layer.out_channels}" for layer in layers]
        weights = sum(layer.weight.numel() for layer in layers)
        cost = f"{weights:,} weights, {weights * SIDE**2 / 1e6:.0f} M multiply-adds at {SIDE}×{SIDE}"
        with plt.style.context(["default", {**STYLE, "axes.grid": False}]):
            figure, axes = plt.subplots(figsize=(3.4, 3.7), layout="constrained")
            _draw(axes, 0, words, top=f"{channels} channels", identity="", bottom="", inside="")
            axes.text(0, STEP * deepest + 0.9, cost.replace(", ", "\n"), ha="center", va="top", fontsize=9)
            _frame(axes, -0.2, deepest + 1)
            label = f"A block on {channels} channels, {'; '.join(words)}: {cost}"
            drawings.append(Markup("<figure>{}</figure>").format(write_svg(figure, label, f"figure-5-{channels}")))
    drawing = Markup('<div class="pair">{}</div>').format(Markup().join(drawings))
    return _make_figure(5, "Two blocks of equal cost", drawing, ["resnet-34-A", "resnet-50"])


def _make_figure(number: int, title: str, drawing: Markup, nets: list[str]) -> Figure:
    return Figure(
        id=f"figure-{number}", caption=f"Figure {number} · {title}", source=f"F{number}", script=__name__,
        data=["src/replication/nets/blocks.py"], numbers=list_layers(nets, "conv2.1."),
        drawing=drawing,
    )  # fmt: skip


def _layers(block: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]


def _draw(axes: Axes, x: float, words: list[str], top: str, identity: str, bottom: str, inside: str) -> None:
    """A column of layers with ReLU between them, and the shortcut around them."""
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.text(x, -0.75, top, ha="center", va="bottom", fontsize=9)
    axes.annotate("", (x, 0), (x, -0.7), arrowprops=arrow)
    for row, text in enumerate(words):
        y = row * STEP
        box = FancyBboxPatch(
            (x - WIDE / 2, y), WIDE, HIGH, boxstyle="round,pad=0.02", fc="none", ec=LIGHT["resnet"][FAMILY_STEP], lw=1.4
        )
        axes.add_patch(box)
        axes.text(x, y + HIGH / 2, text, ha="center", va="center", fontsize=9)
        last = row + 1 == len(words)
        axes.annotate("", (x, y + STEP - 0.25 * last), (x, y + HIGH), arrowprops=arrow)
        if not last:
            axes.text(x + 0.12, y + (HIGH + STEP) / 2, "ReLU", va="center", fontsize=9, alpha=0.8)
    end = STEP * len(words)
    axes.text(x, end, "+", ha="center", va="center", fontsize=12, bbox={"boxstyle": "circle,pad=0.1", "fc": "none"})
    right = x + WIDE * 0.85
    points = [(x, -0.45), (right, -0.45), (right, end / 2), (right, end), (x + 0.3, end)]
    axes.add_patch(PathPatch(Path(points, [1, 3, 3, 3, 3]), fc="none", ec=INK, lw=0.9))
    axes.annotate("", (x + 0.25, end), (x + 0.5, end), arrowprops=arrow)
    axes.annotate("", (x, end + 0.75), (x, end + 0.25), arrowprops=arrow)
    axes.text(x + 0.12, end + 0.5, "ReLU", va="center", fontsize=9, alpha=0.8)
    axes.text(right + 0.1, end / 2, identity, va="center", fontsize=9)
    axes.text(x - 0.35, end, bottom, ha="right", va="center", fontsize=9)
    axes.text(x - WIDE / 2 - 0.15, end / 2, inside, ha="right", va="center", fontsize=9)


def _frame(axes: Axes, left: float, rows: float) -> None:
    axes.set(xlim=(left - WIDE * 1.15, left + WIDE * 1.5), ylim=(STEP * rows + 0.9, -1.1))
    axes.axis("off")
