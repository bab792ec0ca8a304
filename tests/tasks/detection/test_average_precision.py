"""Average precision by VOC's rules, on cases worked by hand."""

import numpy as np
import pytest

from replication.tasks.detection.average_precision import (
    Detected,
    Matched,
    Objects,
    average_precision,
    bootstrap_error,
    match,
    mean_average_precision,
    pair_up,
)

A, B, FAR = (9, 9, 49, 49), (99, 99, 139, 139), (199, 199, 239, 239)  # 40 pixels a side; far sides exclusive
Found = tuple[int, float, tuple[float, ...]]  # image, score, box
True_ = tuple[int, tuple[float, ...], bool]  # image, box, difficult


def matched(found: list[Found], true: list[True_], overlap: float = 0.5, images: int = 2) -> Matched:
    detected = Detected(
        np.array([image for image, _, _ in found], int),
        np.array([score for _, score, _ in found], float),
        np.array([box for _, _, box in found], float).reshape(-1, 4),
    )
    objects = Objects(
        np.array([image for image, _, _ in true], int),
        np.array([box for _, box, _ in true], float).reshape(-1, 4),
        np.array([difficult for _, _, difficult in true], bool),
    )
    return match(pair_up(detected, objects), objects, images, overlap)


BOTH = [(0, A, False), (0, B, False)]
CASES: dict[str, tuple[list[Found], list[True_], float, float]] = {
    "all are found": ([(0, 0.9, A), (0, 0.8, B)], BOTH, 1, 1),
    "half is found: precision 1 at recalls 0 to 0.5": ([(0, 0.9, A)], BOTH, 6 / 11, 0.5),
    "a second detection of an object is wrong": (
        [(0, 0.9, A), (0, 0.8, A), (0, 0.7, B)], BOTH, (6 + 5 * 2 / 3) / 11, 0.5 + 0.5 * 2 / 3,
    ),
    "a wrong one comes first": ([(0, 0.9, FAR), (0, 0.8, A)], [(0, A, False)], 0.5, 0.5),
    "those of difficult objects are ignored": (
        [(0, 0.9, A), (0, 0.85, A), (0, 0.8, B)], [(0, A, True), (0, B, False)], 1, 1,
    ),
    "nothing is found": ([], [(0, A, False)], 0, 0),
    "in another image": ([(1, 0.9, A)], [(0, A, False)], 0, 0),
    # The second overlaps the taken object by 37/43, and a free one by 33/47: the devkit looks at the first alone.
    "the nearest object decides": (
        [(0, 0.9, A), (0, 0.8, (9, 12, 49, 52))], [(0, A, False), (0, (9, 19, 49, 59), False)], 6 / 11, 0.5,
    ),
    "an overlap of exactly a half counts": ([(0, 0.9, (9, 9, 29, 49))], [(0, A, False)], 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_average_precision_of_cases_worked_by_hand(case: str) -> None:
    found, true, eleven, area = CASES[case]
    pairs = matched(found, true)
    assert average_precision(pairs, "eleven_points") == pytest.approx(eleven)
    assert average_precision(pairs, "area") == pytest.approx(area)


def test_a_class_of_difficult_objects_alone_has_none_and_is_left_out_of_the_mean() -> None:
    difficult, good = matched([(0, 0.9, A)], [(0, A, True)]), matched([(0, 0.9, A)], [(0, A, False)])
    assert average_precision(difficult, "area") is None
    assert mean_average_precision({0: difficult, 1: good}, "area") == 100
    assert mean_average_precision({0: difficult}, "area") == 0


def test_a_stricter_overlap_turns_correct_into_wrong() -> None:
    shifted = [(0, 0.9, (13, 9, 53, 49))]  # 36/44
    kinds = [matched(shifted, [(0, A, False)], overlap).kinds.tolist() for overlap in (0.5, 0.8, 0.85)]
    assert kinds == [[1], [1], [0]]


def test_an_image_that_counts_twice_is_as_two_images() -> None:
    once = matched([(0, 0.9, A), (1, 0.8, FAR)], [(0, A, False), (1, B, False)])
    twice = matched([(0, 0.9, A), (1, 0.8, FAR), (2, 0.9, A)], [(0, A, False), (1, B, False), (2, A, False)], images=3)
    for rule in ("eleven_points", "area"):
        assert average_precision(once, rule, np.array([2.0, 1.0])) == pytest.approx(average_precision(twice, rule))


def test_the_bootstrap_is_near_the_standard_error_of_a_share_of_images() -> None:
    """Of images with one object each, found without a wrong detection or not, the area is the share found."""
    random, count = np.random.default_rng(1), 400
    found_ones = np.flatnonzero(random.random(count) < 0.7)
    pairs = matched([(i, 0.9, A) for i in found_ones], [(i, A, False) for i in range(count)], images=count)
    share = len(found_ones) / count
    expected = 100 * (share * (1 - share) / count) ** 0.5
    assert bootstrap_error([{0: pairs}], "area", rounds=400) == pytest.approx(expected, rel=0.15)
    assert bootstrap_error([{0: pairs}], "area", 20) == bootstrap_error([{0: pairs}], "area", 20), "no other numbers"


def test_nothing_detected_of_no_object_is_no_error() -> None:
    assert average_precision(matched([], []), "area") is None
