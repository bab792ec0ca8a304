"""How nets are told apart in every drawing: by hue, lightness and mark, a depth each, in light and in dark.

The deeper a net, the stronger it stands out from the page. No two of a figure are nearer than 12 in CIELAB as seen with
deuteranopia, and each has a contrast of 3:1 with the page, as tests/report/test_palette.py measures.
"""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Look:
    """Colours on a light and on a dark page, and a mark by matplotlib's names."""

    light: str
    dark: str
    mark: str


# By layers, with the shortcut option where it is B or C.
LOOKS = {
    "20": Look("#cd7c0d", "#bd720f", "o"),
    "32": Look("#06915f", "#3db07c", "s"),
    "44": Look("#0b68b2", "#5dadfc", "D"),
    "56": Look("#98004e", "#fd9cba", "v"),
    "110": Look("#410185", "#d4c8fe", "^"),
    "1202": Look("#0f171f", "#ebf3fc", "P"),
    "18": Look("#cd7c0d", "#bd720f", "o"),
    "34": Look("#116bb5", "#50a0ee", "s"),
    "34-B": Look("#98004e", "#fd9cba", "D"),
    "34-C": Look("#06915f", "#3db07c", "v"),
    "50": Look("#44028a", "#d4c8fe", "^"),
    "101": Look("#441000", "#fddcd1", "P"),
    "152": Look("#070e16", "#f0f6fc", "X"),
}
OTHER = Look("#77777d", "#8e8e95", "h")  # for depths that the paper does not have


def look(net: str) -> Look:
    """How a net's curves look: by its depth, and by its option where that is B or C."""
    return LOOKS.get(net.split("-", 1)[1].removesuffix("-A"), OTHER)


def use_page_colours(svg: Markup) -> Markup:
    """A drawing whose nets take their colours from the page; in a file of its own, and in print, the light ones."""
    for light in dict.fromkeys(one.light for one in (*LOOKS.values(), OTHER)):
        svg = svg.replace(light, f"var({_name(light)},{light})")
    return svg


def dark_css() -> str:
    """The dark colours by the names that drawings and charts ask for."""
    pairs = {one.light: one.dark for one in (*LOOKS.values(), OTHER)}
    values = ";".join(f"{_name(light)}:{dark}" for light, dark in pairs.items())
    return f"@media screen and (prefers-color-scheme:dark){{:root{{{values}}}}}"


def _name(light: str) -> str:
    return f"--net-{light[1:]}"
