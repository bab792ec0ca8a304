"""Nets can be told apart: family by hue, depth by lightness and mark; also with deuteranopia, in light and dark."""

from itertools import pairwise

import numpy as np
import pytest
from markupsafe import Markup

from replication.report.palette import DARK, GREY, LIGHT, look, page_colours, use_page_colours

FAMILIES = {
    "plain": [["20", "32", "44", "56", "110"], ["18", "34"]],
    "resnet": [["20", "32", "44", "56", "110", "1202"], ["18", "34-A", "50", "101", "152"]],
}
OPTIONS = ["resnet-34-A", "resnet-34-B", "resnet-34-C"]
PAGE = {"light": ("#fbfaf7", "#ffffff"), "dark": ("#131416", "#1b1d21")}  # background and cards of page.css
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(XYZ[1] @ linear(of)) for of in (one, other))
    return (light + 0.05) / (dark + 0.05)


def subtract_mean(colour: str) -> np.ndarray:
    """CIELAB of a colour as seen with deuteranopia."""
    x = XYZ @ np.clip(DEUTERANOPIA @ linear(colour), 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str) -> float:
    return float(np.linalg.norm(subtract_mean(one) - subtract_mean(other)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_families_are_told_apart_by_hue_and_all_colours_stand_out_from_the_page(scheme: str) -> None:
    families = LIGHT if scheme == "light" else DARK
    assert min(distance(one, other) for one, other in zip(*families.values(), strict=True)) > 18, "of equal depth"
    colours = [colour for family in families.values() for colour in family]
    assert all(contrast(colour, page) >= 3 for colour in (*colours, GREY[scheme == "dark"]) for page in PAGE[scheme])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_deeper_a_net_the_more_it_stands_out(scheme: str, family: str) -> None:
    for depths in FAMILIES[family]:
        looks = [look(f"{family}-{depth}") for depth in depths]
        colours = [getattr(one, scheme) for one in looks]
        stands_out = [contrast(colour, PAGE[scheme][0]) for colour in colours]
        assert stands_out == sorted(stands_out)
        assert all(distance(one, other) > 7 for one, other in pairwise(colours))
        assert len({one.mark for one in looks}) == len(looks), "and without any colour"


def test_shortcut_options_of_one_depth_have_marks_and_colours_of_their_own() -> None:
    assert len({look(net).mark for net in OPTIONS}) == len({look(net).light for net in OPTIONS}) == 3


def test_a_colour_on_a_light_page_has_one_on_a_dark_page() -> None:
    one = look("resnet-34-A")
    assert (
        one == look("resnet-34") and look("resnet-8").mark == look("plain-8").mark and look("vgg-16").light == GREY[0]
    )
    assert use_page_colours(Markup(f"stroke: {one.light}")) == f"stroke: var(--net-{one.light[1:]},{one.light})"
    assert f"--net-{one.light[1:]}:{one.dark}" in page_colours()
