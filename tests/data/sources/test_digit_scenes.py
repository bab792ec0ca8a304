"""Scenes of digits: what is in them, and what `prepare` writes."""

from pathlib import Path

import torch

from replication.data.index import read_images
from replication.data.sources import DIGIT_SCENES
from replication.data.sources.digit_scenes import OVERLAP, make_scenes
from replication.data.sources.prepare import Requirements, prepare

SIZE = 48


def test_scenes_have_bright_digits_in_their_boxes_alone() -> None:
    for scenes, count in zip(make_scenes(SIZE), (DIGIT_SCENES.train_images, DIGIT_SCENES.test_images), strict=True):
        images, annotations = torch.from_numpy(scenes.images), scenes.annotations
        assert images.shape == (count, 3, SIZE, SIZE) and len(annotations) == count
        outside = images.clone()
        counts = set()
        for index in range(count):
            boxes = annotations[index].boxes
            counts.add(len(boxes))
            for left, top, right, bottom in boxes.int().tolist():
                assert 0 <= left < right <= SIZE and 0 <= top < bottom <= SIZE
                assert images[index, :, top:bottom, left:right].max() > 100
                outside[index, :, top:bottom, left:right] = 0
        assert not outside.any() and counts == {0, 1, 2, 3}, "some scenes have none"
        assert set(annotations.classes.tolist()) == set(range(10)) and not annotations.flags.any()


def test_digits_hide_little_of_each_other() -> None:
    _, scenes = make_scenes(SIZE)
    for index in range(len(scenes.annotations)):
        boxes = scenes.annotations[index].boxes
        sides = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - torch.maximum(boxes[:, None, :2], boxes[:, :2])
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        shared = sides.clamp(min=0).prod(2) / torch.minimum(areas[:, None], areas)
        assert (shared - torch.eye(len(boxes)) <= OVERLAP + 1e-6).all()


def test_they_are_prepared_as_a_store_that_depends_on_nothing_but_its_size(tmp_path: Path) -> None:
    needs = Requirements(input_size=SIZE, train_images=1000, shorter_side=SIZE, needs_boxes=True)
    meta = prepare(tmp_path / "one", DIGIT_SCENES, None, needs)
    assert prepare(tmp_path / "two", DIGIT_SCENES, None, needs) == meta
    images = read_images(tmp_path / "one", tmp_path)
    (scenes, _) = make_scenes(SIZE)
    assert torch.equal(images.train_images, torch.from_numpy(scenes.images))
    assert torch.equal(images.train_annotations.boxes, scenes.annotations.boxes)
    assert not images.train_annotations.has_labels and images.mean.shape == (3, SIZE, SIZE)
    assert images.load("test", 0).size == (SIZE, SIZE) and meta.classes == list("0123456789")
