"""The page around what the notebooks give: its style, and its contents from their headings."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import count

from replication.report.html import render
from replication.report.palette import dark_css

# Of every page, in templates/.
PARTS = ("page.css", "uPlot.min.css", "uPlot.iife.min.js", "uPlot.LICENSE", "curves.js", "cards.js")
NAMES = re.compile(r"<(h2|h3|summary)\b[^>]*>(.*?)</\1>|<table[^>]*>(?!\s*<caption)", re.DOTALL)
REFERENCE = re.compile(r'(?:url\(|href=")#([^")]+)')


def page(first: str, body: str) -> str:
    """One self-contained page: the first screen, and what the notebooks give.

    `body` has the headings; one that opens a part of the page says so in `data-part`.
    """
    css, chart_css, uplot, licence, charts, cards = (
        files("replication.report").joinpath(f"templates/{name}").read_text(encoding="utf-8") for name in PARTS
    )
    return render(
        "page.html", css=css + chart_css + dark_css(), uplot=uplot, licence=licence, charts=charts + cards,
        first=first, body=with_captions(with_own_ids(body)), contents=contents(body),
    )  # fmt: skip


def with_own_ids(body: str) -> str:
    """The body with ids in its drawings that no two of them share; ids that nothing refers to are left out."""
    number = count(1)

    def of_drawing(found: re.Match[str]) -> str:
        mark, drawing = f"d{next(number)}-", found[0]
        used = {of[1] for of in REFERENCE.finditer(drawing)}
        drawing = re.sub(r' id="([^"]+)"', lambda of: f' id="{mark}{of[1]}"' if of[1] in used else "", drawing)
        return REFERENCE.sub(lambda of: of[0].replace("#", f"#{mark}"), drawing)

    return re.sub(r"<svg .*?</svg>", of_drawing, body, flags=re.DOTALL)


def with_captions(body: str) -> str:
    """The body with a name for each table that has none, for those who hear it: the headings and the note above it."""
    above = {"h2": "", "h3": "", "summary": ""}

    def named(found: re.Match[str]) -> str:
        kind, words = found[1], " ".join(re.sub(r"<[^>]+>", " ", found[2] or "").split())
        if kind is None:
            return f'{found[0]}<caption class="hidden">{", ".join(filter(None, above.values()))}</caption>'
        above.update(dict.fromkeys(list(above)[list(above).index(kind) :], "") | {kind: words})
        return found[0]

    return NAMES.sub(named, body)


def contents(body: str) -> list[dict[str, str]]:
    """The headings h2 and h3 that have an id, in their order: id, words before a "·", the part that it opens, and
    whether nothing was measured for it, `waiting`.
    """
    parser = _Headings()
    parser.feed(body)
    return [found | {"words": found["words"].partition("·")[0].strip()} for found in parser.found]


class _Headings(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("h2", "h3") and values.get("id"):
            self.found.append({"id": values["id"] or "", "part": values.get("data-part") or "", "words": ""})
            self.found[-1]["waiting"] = "yes" if "data-waiting" in values else ""
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("h2", "h3")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1]["words"] += data
