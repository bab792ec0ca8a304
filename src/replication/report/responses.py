"""Figure 7: how strongly the layers of trained nets respond, over the paper's points."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from markupsafe import Markup

from replication import paper
from replication.config.profiles import DEFAULT
from replication.report.answer import net_name
from replication.report.drawing import STYLE, write_svg
from replication.report.figures import SMALL
from replication.report.numbers import list_responses
from replication.report.palette import look
from replication.report.setups import slug
from replication.report.templating import render, render_notes
from replication.report.values import Figure
from replication.results.studies import Study
from replication.results.tables import RESPONSES

PANELS = (("plain-20", "resnet-20"), ("plain-56", "resnet-56", "resnet-110"))


def figure_7(studies: Sequence[Study]) -> Figure:
    """Figure 7: the standard deviation of each layer's responses, in order and by size; dots are the paper's.

    It shows the studies in which responses were measured, of several seeds the mean.
    """
    groups = []
    for study in studies:
        if not study.responses.empty:
            panels = [_draw_panel(study, nets, is_by_size) for is_by_size in (False, True) for nets in PANELS]
            absent = [net for nets in PANELS for net in nets if net not in set(study.responses["net"])]
            groups.append({"name": study.name, "fidelity": study.fidelity, "panels": panels, "absent": absent})
    drawing = render("panels.html", name="Figure 7", groups=groups, curves="")
    return Figure(
        id="figure-7", caption="Figure 7 · Responses of the layers", source="F7", script=__name__, studies=studies,
        data=[RESPONSES], numbers=list_responses(studies),
        drawing=drawing if groups else Markup("<p>Not measured in the setups that are shown.</p>"),
        notes=render_notes("figure_7"),
    )  # fmt: skip


def _draw_panel(study: Study, nets: Sequence[str], is_by_size: bool) -> Markup:
    drawn = paper.figure(7)["digitised"]["std_by_layer"]
    depths = list(dict.fromkeys(net.partition("-")[2] for net in nets))
    title = f"{', '.join(depths)} layers, {'by size' if is_by_size else 'in order'}"
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=SMALL)
        figure.subplots_adjust(left=0.12, right=0.98, bottom=0.2, top=0.85)
        ends = [1]
        for net in nets:
            theirs, ours = drawn[net], _means(study, net)
            if is_by_size:
                theirs, ours = sorted(theirs, reverse=True), sorted(ours, reverse=True)
            net_look = look(net)
            style = {"color": net_look.light, "marker": net_look.mark, "ms": 2.8, "mew": 0.7}
            axes.plot(range(1, len(theirs) + 1), theirs, mfc="none", ls="", alpha=0.7, **style)
            if ours:
                axes.plot(range(1, len(ours) + 1), ours, color=net_look.light, lw=1.6, label=net_name(net))
            ends.append(len(theirs))
        axes.set(ylim=(0, None), xlabel="layer", xticks=ends)
        axes.set_title(title, loc="left", x=-0.12, pad=9)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
        label = f"Standard deviation of responses: {title}; marks: the paper, lines: here"
        return write_svg(figure, label, slug("figure-7", study.folder, title))


def _means(study: Study, net: str) -> list[float]:
    rows = study.responses
    return rows[(rows["net"] == net) & (rows["variant"] == DEFAULT)].groupby("layer")["value"].mean().tolist()
