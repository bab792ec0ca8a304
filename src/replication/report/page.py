"""The page around what the notebooks show: its style, its scripts and its contents."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from markupsafe import Markup

from replication.report.html import render
from replication.report.palette import dark_css

# In templates/.
PARTS = ("page.css", "uPlot.min.css", "uPlot.iife.min.js", "uPlot.LICENSE", "curves.js", "cards.js")


def render_page(first: Markup, body: Markup, headings: Sequence[Mapping[str, str]]) -> str:
    """One self-contained page: the first screen, the contents, and the parts that the notebooks show.

    Args:
        headings: `id`, `title` and `group` of each part.
    """
    css, chart_css, uplot, licence, charts, cards = (
        Markup(files("replication.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")) for name in PARTS
    )
    contents = [
        {"id": heading["id"], "words": heading["title"].partition("·")[0].strip(), "group": heading["group"]}
        for heading in headings
    ]
    return render(
        "page.html", css=css + chart_css + Markup(dark_css()), uplot=uplot, licence=licence, charts=charts + cards,
        first=first, body=body, contents=contents,
    )  # fmt: skip
