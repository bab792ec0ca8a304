"""Figure 3: VGG-19, plain-34 and residual-34 side by side, drawn from the built nets."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from replication.nets.complexity import Layer, complexity, layers
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.numbers import list_layers
from replication.report.palette import GREY, look
from replication.report.values import Figure

COLUMNS = {"vgg-19": "VGG-19", "plain-34": "34-layer plain", "resnet-34-A": "34-layer residual"}
WIDTH, LEFT = 2.1, 0.75
KINDS = {"conv": "{0}×{0} conv, {1}", "pool": "{0}×{0} max pool", "fc": "fc {1}"}  # kernel, channels


def figure_3() -> Figure:
    """Three drawings, a net each, of layers with kernel, channels, output size and multiply-adds; arcs are shortcuts,
    dotted where the dimension rises. Layers of one output size stand at one height.
    """
    by_net = {net: layers(net, 224, 1000) for net in COLUMNS}
    starts, height = _place_sizes(by_net)
    drawings = [_draw_net(net, built, starts, height) for net, built in by_net.items()]
    return Figure(
        id="figure-3", caption="Figure 3 · VGG-19, plain and residual", source="F3", script=__name__,
        data=["src/replication/nets/imagenet.py"], numbers=list_layers(list(COLUMNS)),
        drawing=Markup(
            '<figure class="wide tall"><div class="columns" tabindex="0">{}</div></figure>'
        ).format(Markup().join(drawings)),
    )  # fmt: skip


def _place_sizes(by_net: Mapping[str, tuple[Layer, ...]]) -> tuple[dict[int, float], float]:
    """The height at which the layers of each output size start, and the height of all."""
    sizes = sorted({layer.output_size for built in by_net.values() for layer in built}, reverse=True)
    starts, row = {}, 0.0
    for size in sizes:
        starts[size] = row
        row += max(sum(layer.output_size == size for layer in built) for built in by_net.values()) + 0.5
    return starts, row


def _draw_net(net: str, built: tuple[Layer, ...], starts: Mapping[int, float], height: float) -> Markup:
    with plt.style.context(["default", {**STYLE, "axes.grid": False}]):
        figure, axes = plt.subplots(figsize=(2.5, 11), layout="constrained")
        for size, start in starts.items():
            axes.text(0, start + 0.5, f"{size}×{size}" if size > 1 else "1", va="center", fontsize=7.5, alpha=0.8)
            axes.axhline(start - 0.25, color=INK, alpha=0.15, lw=0.6)
        macs = complexity(net, 224, 1000).macs / 1e9
        axes.text(LEFT, -1.3, COLUMNS[net], fontsize=9.5, weight="bold")
        axes.text(LEFT, -0.65, f"{macs:.2f} billion multiply-adds", fontsize=8, alpha=0.8)
        _draw_layers(axes, LEFT, net, starts)
        axes.set(xlim=(-0.1, LEFT + WIDTH + 0.6), ylim=(height, -2))
        axes.axis("off")
        label = f"Figure 3: {COLUMNS[net]}, {len(built)} layers, {macs:.2f} billion multiply-adds"
        return write_svg(figure, label, f"figure-3-{net}")


def _draw_layers(axes: Axes, x: float, net: str, starts: Mapping[int, float]) -> None:
    built, has_shortcuts = layers(net, 224, 1000), net.startswith("resnet")
    counts = dict.fromkeys(starts, 0)
    block, block_start, block_channels = "", 0.0, 0
    end, channels = 0.0, 0  # of the layer above
    for layer, following in zip(built, [*built[1:], None], strict=True):
        y = starts[layer.output_size] + counts[layer.output_size]
        counts[layer.output_size] += 1
        _draw_layer(axes, x, y, layer, look(net).light)
        name = layer.name.rpartition(".")[0]
        if name != block:
            block, block_start, block_channels = name, end, channels
        end, channels = y + 0.88, layer.channels
        is_last = following is None or following.name.rpartition(".")[0] != name
        if has_shortcuts and is_last and name.startswith("conv"):
            _draw_arc(axes, x + WIDTH, block_start, end, is_dotted=block_channels != channels)


def _draw_layer(axes: Axes, x: float, y: float, layer: Layer, family: str) -> None:
    """The more channels, the stronger the colour of the family."""
    hue = family if layer.kind == "conv" else GREY[0]
    strength = 0.1 + 0.06 * (layer.channels // 128)
    shape = "round,pad=0,rounding_size=0.12"
    axes.add_patch(
        FancyBboxPatch((x, y + 0.12), WIDTH, 0.76, boxstyle=shape, fc=hue, ec=hue, alpha=min(strength, 0.34), lw=0.6)
    )
    text = KINDS[layer.kind].format(layer.kernel, layer.channels)
    axes.text(x + 0.1, y + 0.5, text + (f", /{layer.stride}" if layer.stride > 1 else ""), va="center", fontsize=7)
    if layer.macs:
        macs = f"{layer.macs / 1e6:,.0f} M" if layer.macs >= 1e6 else f"{layer.macs / 1e6:.1f} M"
        axes.text(x + WIDTH - 0.07, y + 0.5, macs, va="center", ha="right", fontsize=6.9, alpha=0.75)


def _draw_arc(axes: Axes, x: float, top: float, bottom: float, is_dotted: bool) -> None:
    style = {"ls": (0, (1, 1.5)) if is_dotted else "-", "lw": 1.0, "color": INK, "alpha": 0.7}
    path = Path([(x, top), (x + 0.55, top), (x + 0.55, bottom), (x, bottom)], [Path.MOVETO] + [Path.CURVE4] * 3)
    axes.add_patch(PathPatch(path, fc="none", **style))
