"""Values as HTML; below each stands its origin: the script, the data, the numbers as CSV, and the claims on it."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from replication import paper
from replication.report.values import Figure, Item, Table, write_csv
from replication.results.studies import Study
from replication.results.tables import LAYERS
from replication.tasks import TASKS
from replication.verdicts.claim import list_tests

ROOT = "../"  # from reports/, where the page lies
_templates = Environment(
    loader=PackageLoader("replication.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
    undefined=StrictUndefined,
)  # fmt: skip


def render(template: str, **values: object) -> Markup:
    """Fill templates/<template>; everything but markup is escaped."""
    return Markup(_templates.get_template(template).render(**values))


def render_notes(name: str, **values: object) -> Markup:
    """Fill the notes of an item, a macro of templates/notes.html."""
    return Markup(getattr(_templates.get_template("notes.html").module, name)(**values))


def render_table(table: Table) -> Markup:
    """A table alone, without its notes and its origin; nothing for one without rows."""
    return render("table.html", table=table) if table.rows else Markup()


def render_item(item: Table | Figure) -> Markup:
    """A table or a figure with its notes and its origin."""
    is_table = isinstance(item, Table)
    return render(
        "item.html", item=item, content=render_table(item) if is_table else item.drawing,
        summary=item.summary if is_table else "", script=f"{ROOT}src/{item.script.replace('.', '/')}.py",
        files=_list_files(item), cards=list_cards(item.source, item.studies),
        csv=csv_address(item) if item.records else "",
    )  # fmt: skip


def csv_address(item: Table | Figure) -> str:
    """An address that holds the CSV of a table or a figure, to be saved from the page."""
    return "data:text/csv;charset=utf-8," + quote(write_csv(item), safe=",:;/?@$!*()[]+=~-_.")


def _list_files(item: Item) -> list[dict[str, str]]:
    """The files that an item is made from, each with its words and its address."""
    files = [
        {"words": study.folder, "address": f"{ROOT}results/{quote(f'{study.folder}/{name}')}"}
        for study in item.studies for name in item.data
        if "/" not in name and not (name in LAYERS and study.responses.empty)
    ]  # fmt: skip
    return files + [{"words": Path(path).name, "address": f"{ROOT}{quote(path)}"} for path in item.data if "/" in path]


def list_cards(source: str, studies: Sequence[Study]) -> list[dict[str, str]]:
    """The claims that rest on a place in the paper, "T6", each with the id of its card on the page.

    The card of a claim is that of a task of these studies, or any if it is counted on the built nets.
    """
    tasks, cards = {study.task.name for study in studies}, []
    for claim_id in paper.claim_ids():
        if source in (place.partition(" ")[0] for place in paper.claim(claim_id).support):
            tests = [test for task in TASKS.values() for test in list_tests(task) if test.claim.id == claim_id]
            ids = [f"{claim_id}-{test.task.name}" for test in tests if test.is_counted or test.task.name in tasks]
            cards += [{"words": claim_id, "id": card} for card in (ids if tests else [claim_id])]
    return cards
