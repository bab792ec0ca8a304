"""Figure 7: how strongly the layers of trained nets respond, over the paper's points."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from markupsafe import Markup

from replication import paper
from replication.config.profiles import DEFAULT
from replication.report.drawing import STYLE, write_svg
from replication.report.html import render, render_notes
from replication.report.numbers import list_responses
from replication.report.setups import slug
from replication.report.values import Figure
from replication.results.studies import Study
from replication.results.tables import RESPONSES

PANELS = (("plain-20", "resnet-20"), ("plain-56", "resnet-56", "resnet-110"))
COLOURS = {
    "plain-20": "#c5407c",
    "plain-56": "#c5407c",
    "resnet-20": "#2f7fc1",
    "resnet-56": "#2f7fc1",
    "resnet-110": "#d08c1d",
}
MISSING = Markup(
    "<p>Not measured in the studies that are shown. To measure it: <code>dvc repro tabulate@cifar report</code>.</p>"
)


def figure_7(studies: Sequence[Study]) -> Figure:
    """Figure 7: the standard deviation of each layer's responses, in order above, by size below; dots are the paper's.

    It shows the studies in which responses were measured, of several seeds the mean.
    """
    groups = []
    for study in studies:
        if not study.responses.empty:
            panels = [_draw_panel(study, nets, is_by_size) for is_by_size in (False, True) for nets in PANELS]
            absent = [net for nets in PANELS for net in nets if net not in set(study.responses["net"])]
            groups.append({"name": study.name, "fidelity": study.fidelity, "panels": panels, "absent": absent})
    return Figure(
        id="figure-7", caption="Figure 7 · Responses of the layers", source="F7", script=__name__, studies=studies,
        data=[RESPONSES], numbers=list_responses(studies),
        drawing=render("panels.html", name="Figure 7", groups=groups, curves="") if groups else MISSING,
        notes=render_notes("figure_7"),
    )  # fmt: skip


def _draw_panel(study: Study, nets: Sequence[str], is_by_size: bool) -> Markup:
    drawn = paper.figure(7)["digitised"]["std_by_layer"]
    depths = list(dict.fromkeys(net.partition("-")[2] for net in nets))
    title = f"{' and '.join(depths)} layers, {'by size' if is_by_size else 'in order'}"
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=(4.3, 2.6), layout="constrained")
        for net in nets:
            theirs, ours = drawn[net], _means(study, net)
            if is_by_size:
                theirs, ours = sorted(theirs, reverse=True), sorted(ours, reverse=True)
            style: dict[str, Any] = {"color": COLOURS[net]}
            axes.plot(range(1, len(theirs) + 1), theirs, "o", ms=2.6, mfc="none", mew=0.7, alpha=0.7, **style)
            if ours:
                label = net.replace("resnet", "ResNet")
                axes.plot(range(1, len(ours) + 1), ours, lw=1.7, label=label, **style)
        axes.set(ylim=(0, None), xlabel="layer, by size" if is_by_size else "layer", ylabel="standard deviation")
        axes.set_title(title, loc="left", fontsize=9.5)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8.5)
        label = f"Figure 7: {title}; dots: the paper, lines: here"
        return write_svg(figure, label, slug("figure-7", study.folder, title))


def _means(study: Study, net: str) -> list[float]:
    rows = study.responses
    return rows[(rows["net"] == net) & (rows["variant"] == DEFAULT)].groupby("layer")["value"].mean().tolist()
