"""Figure 3: VGG-19, plain-34 and residual-34 side by side, drawn from the built nets."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from replication.nets.complexity import Layer, complexity, layers
from replication.report.figures import INK, STYLE, svg

COLUMNS = {"vgg-19": "VGG-19", "plain-34": "34-layer plain", "resnet-34-A": "34-layer residual"}
GREY = "#7f8790"
HUES = {64: "#7b5fc9", 128: "#2f9e77", 256: "#c5407c", 512: "#2f7fc1"}
WIDTH, LEFT = 2.1, 0.75


def figure_3() -> str:
    """Three drawings, a net each, of layers with kernel, channels, output size and multiply-adds; arcs are shortcuts,
    dotted where the dimension rises. Layers of one output size stand at one height.
    """
    columns = {net: layers(net, 224, 1000) for net in COLUMNS}
    sizes = sorted({layer.output_size for found in columns.values() for layer in found}, reverse=True)
    bands = {size: max(sum(la.output_size == size for la in found) for found in columns.values()) for size in sizes}
    starts, row = {}, 0.0
    for size in sizes:
        starts[size] = row
        row += bands[size] + 0.5
    drawings = []
    for net, found in columns.items():
        with plt.style.context(["default", {**STYLE, "axes.grid": False}]):
            figure, axes = plt.subplots(figsize=(2.5, 11), layout="constrained")
            for size in sizes:
                at = starts[size]
                axes.text(0, at + 0.5, f"{size}×{size}" if size > 1 else "1", va="center", fontsize=7.5, alpha=0.8)
                axes.axhline(at - 0.25, color=INK, alpha=0.15, lw=0.6)
            macs = complexity(net, 224, 1000).macs / 1e9
            axes.text(LEFT, -1.3, COLUMNS[net], fontsize=9.5, weight="bold")
            axes.text(LEFT, -0.65, f"{macs:.2f} billion multiply-adds", fontsize=8, alpha=0.8)
            _column(axes, LEFT, found, starts, residual=net.startswith("resnet"))
            axes.set(xlim=(-0.1, LEFT + WIDTH + 0.6), ylim=(row, -2))
            axes.axis("off")
            told = f"Figure 3: {COLUMNS[net]}, {len(found)} layers, {macs:.2f} billion multiply-adds"
            drawings.append(svg(figure, told))
    return f'<div class="columns" tabindex="0">{"".join(drawings)}</div>'


def _column(axes: Axes, x: float, found: tuple[Layer, ...], starts: dict[int, float], residual: bool) -> None:
    filled = dict.fromkeys(starts, 0)
    block, block_start, block_channels = "", 0.0, 0
    end, channels = 0.0, 0  # of the layer above
    for layer, below in zip(found, [*found[1:], None], strict=True):
        y = starts[layer.output_size] + filled[layer.output_size]
        filled[layer.output_size] += 1
        _box(axes, x, y, layer)
        own = layer.name.rpartition(".")[0]
        if own != block:
            block, block_start, block_channels = own, end, channels
        end, channels = y + 0.88, layer.channels
        closes = below is None or below.name.rpartition(".")[0] != own
        if residual and closes and own.startswith("conv"):
            _arc(axes, x + WIDTH, block_start, end, dotted=block_channels != channels)


def _box(axes: Axes, x: float, y: float, layer: Layer) -> None:
    hue = HUES.get(layer.channels, GREY) if layer.kind == "conv" else GREY
    shape = "round,pad=0,rounding_size=0.12"
    axes.add_patch(FancyBboxPatch((x, y + 0.12), WIDTH, 0.76, boxstyle=shape, fc=hue, ec=hue, alpha=0.2, lw=0.6))
    kinds = {
        "conv": f"{layer.kernel}×{layer.kernel} conv, ",
        "pool": f"{layer.kernel}×{layer.kernel} max pool",
        "fc": "fc ",
    }
    text = kinds[layer.kind] + ("" if layer.kind == "pool" else str(layer.channels))
    axes.text(x + 0.1, y + 0.5, text + (f", /{layer.stride}" if layer.stride > 1 else ""), va="center", fontsize=7)
    if layer.macs:
        macs = f"{layer.macs / 1e6:,.0f} M" if layer.macs >= 1e6 else f"{layer.macs / 1e6:.1f} M"
        axes.text(x + WIDTH - 0.07, y + 0.5, macs, va="center", ha="right", fontsize=6, alpha=0.75)


def _arc(axes: Axes, x: float, top: float, bottom: float, dotted: bool) -> None:
    style = {"ls": (0, (1, 1.5)) if dotted else "-", "lw": 1.0, "color": INK, "alpha": 0.7}
    path = Path([(x, top), (x + 0.55, top), (x + 0.55, bottom), (x, bottom)], [Path.MOVETO] + [Path.CURVE4] * 3)
    axes.add_patch(PathPatch(path, fc="none", **style))
