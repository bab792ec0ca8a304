"""How figures are drawn: one style, as SVG text.

Drawings have no background, and their text takes the colour of the page around it, so that one file serves light, dark
and print. Equal input gives equal bytes.
"""

import io
import re
from html import escape

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from markupsafe import Markup

from replication.report.palette import use_page_colours

INK = "#010203"  # stands for the page's text colour until the SVG is written
STYLE = {
    "svg.fonttype": "none", "text.parse_math": False,  # a profile may be called $a$
    "font.family": "sans-serif", "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10.8, "axes.titlesize": 10.8, "axes.labelsize": 10.8,
    "xtick.labelsize": 10.8, "ytick.labelsize": 10.8,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "axes.linewidth": 0.7,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.color": INK, "ytick.color": INK,
    "xtick.major.size": 3, "ytick.major.size": 0,
    "axes.grid": True, "axes.grid.axis": "y", "grid.color": INK, "grid.alpha": 0.12, "grid.linewidth": 0.7,
}  # fmt: skip
GROUP_ID = re.compile(r'(?<=<g) id="[^"]*"')  # of matplotlib's groups, which nothing refers to
PLACES = re.compile(r' (?:x|y|d)="[^"]+"')  # attributes that place things
NUMBER = re.compile(r"-?\d+\.\d{3,}")
MARKS = re.compile(r'<use [^>]*?style="([^"]*)"/>\s*(?:<use [^>]*?style="\1"/>\s*)+')  # several, of equal style


def write_svg(figure: plt.Figure, label: str, name: str) -> Markup:
    """A figure as SVG text that takes its colour from the page; closes it.

    Args:
        label: describes it to those who do not see it.
        name: of no other drawing of the page, so that their ids differ.
    """
    buffer, nothing = io.StringIO(), dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with plt.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    plt.close(figure)
    text = buffer.getvalue()
    text = GROUP_ID.sub("", text[text.index("<svg") :].replace(INK, "currentColor"))
    text = MARKS.sub(_share_style, PLACES.sub(_round, text))
    return use_page_colours(Markup(text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)))


def _share_style(marks: re.Match[str]) -> str:
    """Marks with their style once, around all of them: less to load."""
    return f'<g style="{marks[1]}">\n' + marks[0].replace(f' style="{marks[1]}"', "") + "</g>\n"


def _round(places: re.Match[str]) -> str:
    """To a hundredth of a point, which is a third less to load."""
    numbers = NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), places[0])
    return numbers.replace(" \n", " ")
