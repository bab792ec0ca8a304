"""The page around what the notebooks show: its style, its scripts and its contents."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from replication.report.palette import page_colours
from replication.report.templating import render

# MIME types of cell outputs. HEADING: id, title and items of a part. OUTSIDE: values beside the parts.
HEADING = "application/vnd.replication.heading+json"
OUTSIDE = "application/vnd.replication.outside+json"
# In templates/.
PARTS = ("page.css", "uPlot.min.css", "uPlot.iife.min.js", "uPlot.LICENSE", "curves.js", "page.js")


def render_page(first: str, body: Markup, headings: Sequence[Mapping[str, Any]]) -> str:
    """One self-contained page: the first screen, the contents, and the parts that the notebooks show.

    Args:
        first: HTML.
        headings: `id`, `title` and `items` of each part.
    """
    css, chart_css, uplot, licence, charts, script = (
        Markup(files("replication.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")) for name in PARTS
    )
    contents = [dict(heading) | {"items": list(map(_shorten, heading["items"]))} for heading in headings]
    return render(
        "page.html", css=css + chart_css + Markup(page_colours()), uplot=uplot, licence=licence,
        scripts=charts + script, first=Markup(first), body=body, contents=contents,
    )  # fmt: skip


def _shorten(item: Mapping[str, str]) -> dict[str, str]:
    """A table or figure of the paper by its number, "Table 6"; others are not in the contents."""
    name, dot, _ = item["title"].partition(" · ")
    return {"id": item["id"], "title": name if dot else ""}
