"""Nets can be told apart: by contrast with the page, by colour with deuteranopia, and by their marks without colour."""

from itertools import combinations

import numpy as np
import pytest
from markupsafe import Markup

from replication.report.palette import LOOKS, OTHER, dark_css, look, use_page_colours

FIGURES = {
    "cifar": ["20", "32", "44", "56", "110", "1202"],
    "imagenet": ["18", "34", "34-B", "34-C", "50", "101", "152"],
}
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("figure", FIGURES)
def test_nets_of_a_figure_are_told_apart_with_deuteranopia_and_stand_out_from_the_page(
    figure: str, scheme: str
) -> None:
    looks = [LOOKS[net] for net in FIGURES[figure]]
    colours = [getattr(of, scheme) for of in looks]
    for one, other in combinations(colours, 2):
        assert np.linalg.norm(subtract_mean(one) - subtract_mean(other)) > 12, (one, other)
    assert all(contrast(of, page) >= 3 for of in (*colours, getattr(OTHER, scheme)) for page in PAGE[scheme])
    assert len({of.mark for of in looks}) == len(looks), "and without any colour"


@pytest.mark.parametrize("nets", [["20", "32", "44", "56", "110", "1202"], ["18", "34", "50", "101", "152"]])
def test_the_deeper_a_net_the_more_it_stands_out(nets: list[str]) -> None:
    for scheme in ("light", "dark"):
        stands_out = [contrast(getattr(LOOKS[net], scheme), PAGE[scheme][0]) for net in nets]
        assert stands_out == sorted(stands_out)


def test_a_colour_on_a_light_page_has_one_on_a_dark_page() -> None:
    assert len({(of.light, of.dark) for of in LOOKS.values()}) == len({of.light for of in LOOKS.values()})
    of = look("resnet-34-A")
    assert of == LOOKS["34"] and look("resnet-34-B") == LOOKS["34-B"] and look("plain-8") == OTHER
    assert use_page_colours(Markup(f"stroke: {of.light}")) == f"stroke: var(--net-{of.light[1:]},{of.light})"
    assert f"--net-{of.light[1:]}:{of.dark}" in dark_css()
