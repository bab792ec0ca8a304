"""How nets are told apart in every drawing: hue is the family, lightness and mark the depth, in light and in dark.

The deeper a net, the stronger it stands out from the page. tests/report/test_palette.py measures contrasts, and
distances as seen with deuteranopia.
"""

from dataclasses import dataclass

from markupsafe import Markup

# By family, from shallow to deep; on a light page and on a dark one.
LIGHT = {
    "plain": ("#d36e00", "#c25300", "#b03500", "#9c1200", "#7e0101", "#5b0400", "#310b00"),
    "resnet": ("#0093c8", "#067bb5", "#0064a4", "#024e92", "#003a7b", "#002762", "#00153d"),
}
DARK = {
    "plain": ("#c76304", "#d87729", "#e88d42", "#f0a662", "#f8be83", "#fbd7b0", "#fcefde"),
    "resnet": ("#0485cb", "#0a98e2", "#34acf2", "#69bef9", "#92d0fe", "#bce2ff", "#e3f3ff"),
}
# By layers, with the shortcut option where it is B or C: a step of the colours, and matplotlib's mark.
DEPTHS = {
    "20": (0, "o"), "32": (1, "s"), "44": (2, "D"), "56": (4, "v"), "110": (5, "^"), "1202": (6, "P"),
    "18": (0, "o"), "34-B": (1, "D"), "34": (2, "s"), "34-C": (3, "v"), "50": (4, "^"), "101": (5, "P"),
    "152": (6, "X"),
}  # fmt: skip
OTHER_DEPTH = (3, "h")  # that the paper does not have
GREY = ("#77777d", "#8e8e95")  # what is of no family
FAMILY_STEP = 3  # that stands for a whole family


@dataclass(frozen=True)
class Look:
    """Colours on a light and on a dark page, and a mark by matplotlib's names."""

    light: str
    dark: str
    mark: str


def look(net: str) -> Look:
    """How a net is drawn: by its family, its depth, and its option where that is B or C."""
    family, _, depth = net.partition("-")
    step, mark = DEPTHS.get(depth.removesuffix("-A"), OTHER_DEPTH)
    return Look(LIGHT[family][step], DARK[family][step], mark) if family in LIGHT else Look(*GREY, mark)


def use_page_colours(svg: Markup) -> Markup:
    """A drawing that takes the colours of nets from the page; in a file of its own, and in print, the light ones."""
    for light in _pairs():
        svg = svg.replace(light, f"var({_name(light)},{light})")
    return svg


def page_colours() -> str:
    """CSS: the colours of the families, and the dark colours by the names that drawings and charts ask for."""
    light, dark = (
        ";".join(f"--{family}:{colours[FAMILY_STEP]}" for family, colours in by_family.items())
        for by_family in (LIGHT, DARK)
    )
    nets = ";".join(f"{_name(light)}:{dark}" for light, dark in _pairs().items())
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark};{nets}}}}}"


def _pairs() -> dict[str, str]:
    """Dark colours by light ones."""
    families = {light: dark for family in LIGHT for light, dark in zip(LIGHT[family], DARK[family], strict=True)}
    return families | dict([GREY])


def _name(light: str) -> str:
    return f"--net-{light[1:]}"
