"""Figure 7: how strongly the layers of trained nets respond, over the paper's points."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt

from replication import paper
from replication.report.figures import STYLE, svg
from replication.report.html import render, study_header
from replication.results.studies import Study

PANELS = (("plain-20", "resnet-20"), ("plain-56", "resnet-56", "resnet-110"))
COLOURS = {
    "plain-20": "#c5407c",
    "plain-56": "#c5407c",
    "resnet-20": "#2f7fc1",
    "resnet-56": "#2f7fc1",
    "resnet-110": "#d08c1d",
}


def figure_7(studies: Sequence[Study]) -> str:
    """Figure 7: the standard deviation of each layer's responses, in order above, by size below; dots are the paper's.

    Of the studies in which responses were measured; of several seeds the mean.
    """
    drawn = paper.figure(7)["digitised"]["std_by_layer"]
    groups = []
    for study in studies:
        if study.responses.empty:
            continue
        panels = [_panel(study, nets, drawn, by_size) for by_size in (False, True) for nets in PANELS]
        absent = [net for nets in PANELS for net in nets if net not in set(study.responses["net"])]
        groups.append(study_header(study) | {"panels": panels, "absent": absent})
    return render(
        "responses.html", figure=render("figure.html", name="Figure 7", groups=groups, curves=""), any=bool(groups)
    )


def _panel(study: Study, nets: Sequence[str], drawn: dict[str, list[float]], by_size: bool) -> str:
    depths = list(dict.fromkeys(net.partition("-")[2] for net in nets))
    title = f"{' and '.join(depths)} layers, {'by size' if by_size else 'in order'}"
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=(4.3, 2.6), layout="constrained")
        for net in nets:
            theirs, ours = drawn[net], _means(study, net)
            if by_size:
                theirs, ours = sorted(theirs, reverse=True), sorted(ours, reverse=True)
            style: dict[str, Any] = {"color": COLOURS[net]}
            axes.plot(range(1, len(theirs) + 1), theirs, "o", ms=2.6, mfc="none", mew=0.7, alpha=0.7, **style)
            if ours:
                label = net.replace("resnet", "ResNet")
                axes.plot(range(1, len(ours) + 1), ours, lw=1.7, label=label, **style)
        axes.set(ylim=(0, None), xlabel="layer, by size" if by_size else "layer", ylabel="standard deviation")
        axes.set_title(title, loc="left", fontsize=9.5)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8.5)
        return svg(figure, f"Figure 7: {title}; dots: the paper, lines: here")


def _means(study: Study, net: str) -> list[float]:
    rows = study.responses
    return rows[(rows["net"] == net) & (rows["variant"] == "default")].groupby("layer")["value"].mean().tolist()
