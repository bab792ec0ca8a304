"""What cells of the notebooks show: parts of the page, and what stands outside its body."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from replication.report.html import render_item
from replication.report.page import HEADING, OUTSIDE
from replication.report.templating import render
from replication.report.values import Figure, Table

Content = Table | Figure | Markup


@dataclass(frozen=True)
class Part:
    """A part of the page under a heading of the contents."""

    id: str
    title: str
    items: Sequence[Content] = ()
    intro: str | Markup = ""  # a paragraph before the items

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """How Jupyter shows it."""
        items = [{"id": item.id, "title": item.caption} for item in self.items if not isinstance(item, Markup)]
        heading = {"id": self.id, "title": self.title, "items": items}
        return {"text/html": str(self.html), "text/plain": self.title, HEADING: heading}

    @property
    def html(self) -> Markup:
        return render(
            "part.html", part=self,
            items=[item if isinstance(item, Markup) else render_item(item) for item in self.items],
        )  # fmt: skip


@dataclass(frozen=True)
class Outside:
    """What the stage takes from a notebook besides the body: the first screen, counts of claims, the picture."""

    values: Mapping[str, Any]

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {"text/plain": ", ".join(self.values), OUTSIDE: dict(self.values)}
