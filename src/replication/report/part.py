"""Parts of the page: a heading, and what stands below it. A cell of a notebook shows one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from markupsafe import Markup

from replication.report.html import render, render_item
from replication.report.values import Figure, Item, Table

# The type under which a notebook tells `id`, `title` and `group` of a part beside its HTML.
HEADING = "application/vnd.replication.heading+json"

Content = Union["Part", Table, Figure, Markup]


@dataclass(frozen=True)
class Part:
    """A part of the page; the contents have its title up to the dot."""

    id: str  # on the page; "" where no link leads to it
    title: str  # "Table 6 · Test error on CIFAR-10"
    items: Sequence[Content] = ()
    intro: str = ""  # a paragraph before the items
    group: str = ""  # the name of the group that it opens in the contents, "CIFAR-10"
    tag: str = ""  # a fidelity, after the title
    soft: str = ""  # soft words after that

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """How Jupyter shows it."""
        heading = {"id": self.id, "title": self.title, "group": self.group}
        return {"text/html": str(render_content(self)), "text/plain": self.title, HEADING: heading}


def make_part(items: Sequence[Content], intro: str = "", group: str = "") -> Part:
    """A part with the id and the caption of its first item."""
    return Part(items[0].id, items[0].caption, items, intro, group)


def render_content(content: Content, level: int = 2) -> Markup:
    """A part as HTML, its heading an h2, or an h3 inside another part; or what may stand in a part."""
    if isinstance(content, Part):
        items = [render_content(item, level + 1) for item in content.items]
        return render("part.html", part=content, level=level, items=items)
    return render_item(content) if isinstance(content, Item) else content
