"""A picture of twelve test images with true and predicted boxes."""

import io
from collections.abc import Mapping

from PIL import Image, ImageDraw

from replication.data.store import Images
from replication.tasks.localization.outcome import BoxOutcome

COLUMNS, ROWS = 6, 2
TILE, GAP = 160, 8  # pixels
TRUE, PREDICTED = "#ffffff", "#e69f00"  # of different lightness too


def draw_examples(images: Images, outcomes: Mapping[str, BoxOutcome]) -> bytes:
    """A PNG file: images evenly spread over the test images, right or wrong; true boxes are white, that of the
    per-class RPN on the centre crop, for the true class, is orange.
    """
    boxes, count = outcomes["oracle_centre"].boxes["per_class_rpn"], COLUMNS * ROWS
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) - GAP, ROWS * (TILE + GAP) - GAP), "#808080")
    for place in range(count):
        index = place * len(boxes) // count
        tile = _tile(images.load("test", index), images.test_annotations[index].boxes.tolist(), boxes[index].tolist())
        down, across = divmod(place, COLUMNS)
        sheet.paste(tile, (across * (TILE + GAP), down * (TILE + GAP)))
    file = io.BytesIO()
    sheet.save(file, "png")
    return file.getvalue()


def _tile(image: Image.Image, true: list[list[float]], predicted: list[float]) -> Image.Image:
    """An image with its boxes, its longer side `TILE` pixels, on black."""
    scale = TILE / max(image.size)
    tile = Image.new("RGB", (TILE, TILE))
    tile.paste(image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC))
    draw = ImageDraw.Draw(tile)
    for box, colour in [*((box, TRUE) for box in true), (predicted, PREDICTED)]:
        left, top, right, bottom = (min(max(side * scale, 0), TILE - 1) for side in box)
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline="#000000", width=4)
        draw.rectangle((left + 1, top + 1, max(left + 1, right - 1), max(top + 1, bottom - 1)), outline=colour, width=2)
    return tile
