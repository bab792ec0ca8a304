"""Tables and figures as HTML: what stands open, and folded below it the rest with script, data, CSV and claims."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from urllib.parse import quote

from markupsafe import Markup

from replication import paper
from replication.report.templating import render
from replication.report.values import Figure, Item, Table, write_csv
from replication.results.studies import Study
from replication.results.tables import LAYERS
from replication.tasks import TASKS
from replication.verdicts.claims import list_tests

ADDRESS_NAMES = ("repository", "source", "source code", "code", "homepage")  # in project.urls of pyproject.toml


@cache
def find_code_address() -> str:
    """Where the code is published; "" if the package does not say."""
    try:
        urls = metadata("replication").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    by_name = {name.strip().lower(): address.strip() for name, _, address in (url.partition(",") for url in urls)}
    return next((by_name[name].rstrip("/") for name in ADDRESS_NAMES if name in by_name), "")


def link_file(path: str) -> Markup:
    """A file of the repository: a link if the code is published, so that it works in a mailed page; else its path."""
    if address := find_code_address():
        return Markup('<a href="{}/blob/HEAD/{}">{}</a>').format(address, quote(path), path)
    return Markup("<code>{}</code>").format(path)


def render_table(table: Table) -> Markup:
    """A table alone; nothing for one without rows."""
    return render("table.html", table=table) if table.rows else Markup()


def render_item(item: Table | Figure) -> Markup:
    """A table or a figure: what stands open, then the rest, folded. Without the first, all of it is folded."""
    content = render_table(item) if isinstance(item, Table) else item.drawing
    shown = render_table(item.open) if isinstance(item.open, Table) else item.open
    if isinstance(item, Table) and item.is_open:
        shown, content = content, Markup()
    return render(
        "item.html", item=item, open=shown, content=content,
        script=link_file(f"src/{item.script.replace('.', '/')}.py"), files=list(map(link_file, _list_files(item))),
        cards=list_cards(item.source, item.studies), csv=csv_address(item) if item.records else "",
    )  # fmt: skip


def csv_address(item: Table | Figure) -> str:
    """An address that holds the CSV of a table or a figure, to be saved from the page."""
    return "data:text/csv;charset=utf-8," + quote(write_csv(item), safe=",:;/?@$!*()[]+=~-_.")


def _list_files(item: Item) -> list[str]:
    """The files that an item is made from."""
    of_studies = [
        f"results/{study.folder}/{name}" for study in item.studies for name in item.data
        if "/" not in name and not (name in LAYERS and study.responses.empty)
    ]  # fmt: skip
    return of_studies + [path for path in item.data if "/" in path]


def claim_card(claim_id: str, studies: Sequence[Study] = ()) -> str:
    """The id of a claim's row in the matrix: under the first task that tests it, if possible one of these studies."""
    tasks = [task for task in TASKS.values() if any(test.claim.id == claim_id for test in list_tests(task))]
    tasks.sort(key=lambda task: task not in [study.task for study in studies])
    return f"{claim_id}-{tasks[0].name}" if tasks else claim_id


def list_cards(source: str, studies: Sequence[Study]) -> list[dict[str, str]]:
    """The claims that rest on a place in the paper, "T6", each with the id of its row in the matrix."""
    claims = [
        claim_id for claim_id in paper.claim_ids()
        if source in (place.partition(" ")[0] for place in paper.claim(claim_id).support)
    ]  # fmt: skip
    return [{"words": claim_id, "id": claim_card(claim_id, studies)} for claim_id in claims]
