"""The tables that nothing here can fill yet: the paper's rows, and what it would take."""

from collections.abc import Sequence

from replication import paper
from replication.report.html import render
from replication.report.origin import line

SCRIPT = "src/replication/report/waiting_tables.py"
WORDS = {"map": "mAP", "map50": "mAP@.5", "map50_95": "mAP@[.5,.95]", "testdev": "test-dev"}


def waiting_tables(numbers: Sequence[int]) -> str:
    """The paper's rows of some tables, each folded up, with its data, its test, and what is lacking."""
    tables = []
    for number in numbers:
        found = paper.about_table(number)
        heads = [_words(column) for column in found["columns"]]
        rows = [
            ["–" if (cell := row.get(of)) is None else str(cell) for of in found["columns"]] for row in found["rows"]
        ]
        tables.append(
            {
                "number": number,
                "caption": found["caption"],
                "facts": [found["metric"], found["dataset"], found["test_protocol"]],
                "columns": heads,
                "rows": rows,
                "origin": line(f"table-{number}", SCRIPT, ["src/replication/paper/paper.yaml"], [heads, *rows]),
            }
        )
    return render("waiting_tables.html", tables=tables)


def _words(column: str) -> str:
    """A column's name as in print, "testdev_map50_95" is test-dev mAP@[.5,.95]."""
    before, _, measure = column.partition("map")
    if measure or column == "map":
        return " ".join(filter(None, (WORDS.get(before.strip("_"), before.strip("_")), WORDS[f"map{measure}"])))
    return column.replace("_", " ")
