"""The paper's names of its nets, translated into ours."""

import re
from typing import Any

NAMES = re.compile(r"(plain|ResNet|VGG)-\d+( [ABC])?|GoogLeNet")
# The paper leaves out the option where only one was drawn: Figure 4 has the nets of Table 2.
OPTION_A = ("resnet-18", "resnet-34")


def use_our_names(value: Any) -> Any:
    """`value` with every key and text in it that is the name of a net in our form, "resnet-34-B" for "ResNet-34 B"."""
    if isinstance(value, dict):
        return {use_our_names(key): use_our_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [use_our_names(item) for item in value]
    if isinstance(value, str) and NAMES.fullmatch(value):
        net = value.lower().replace(" ", "-")
        net = re.sub("-[abc]$", lambda option: option[0].upper(), net)
        return f"{net}-A" if net in OPTION_A else net
    return value


def rows_with_nets(number: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table with `net`, our name of the row's net, or None where it cannot be built."""
    if number == 2:  # printed with a column a kind of net
        return [
            {"kind": "own", "layers": row["layers"], "net": net, "top1": row[kind]}
            for row in rows
            for kind, net in (("plain", f"plain-{row['layers']}"), ("resnet", f"resnet-{row['layers']}-A"))
        ]
    return [row | {"net": _net(number, row)} for row in rows]


def _net(number: int, row: dict[str, Any]) -> str | None:
    if number == 6:
        return f"resnet-{row['layers']}" if row["kind"] == "own" else None
    printed = row.get("model") or row.get("method") or row.get("net") or row.get("loc_network") or ""
    return use_our_names(printed) if NAMES.fullmatch(printed) else None
