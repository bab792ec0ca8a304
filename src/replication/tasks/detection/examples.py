"""A picture of twelve test images with their objects and detections."""

import io

from PIL import Image, ImageDraw

from replication.data.store import Images
from replication.tasks.detection.detect import SURE
from replication.tasks.detection.outcome import DetectionOutcome

COLUMNS, ROWS = 6, 2
TILE, GAP = 160, 8  # pixels
COLOURS = 64  # of the picture, which the page carries
TRUE, PREDICTED = "#ffffff", "#e69f00"  # of different lightness too


def draw_detections(images: Images, outcome: DetectionOutcome) -> bytes:
    """A PNG file: images evenly spread over the test images; objects are white, sure detections orange, with their
    class.
    """
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) - GAP, ROWS * (TILE + GAP) - GAP), "#808080")
    for place in range(COLUMNS * ROWS):
        index = place * outcome.images // (COLUMNS * ROWS)
        down, across = divmod(place, COLUMNS)
        sheet.paste(_draw_tile(images, outcome, index), (across * (TILE + GAP), down * (TILE + GAP)))
    file = io.BytesIO()
    sheet.quantize(COLOURS).save(file, "png", optimize=True)  # photographs: a quarter of the size
    return file.getvalue()


def _draw_tile(images: Images, outcome: DetectionOutcome, index: int) -> Image.Image:
    """An image, its longer side `TILE` pixels, on black."""
    image, true = images.load("test", index), images.test_annotations[index]
    scale = TILE / max(image.size)
    tile = Image.new("RGB", (TILE, TILE))
    tile.paste(image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC))
    draw = ImageDraw.Draw(tile)
    for box in true.boxes.tolist():
        draw.rectangle(_to_tile(box, scale), outline=TRUE, width=1)
    boxes, scores, classes = outcome.of_image(index)
    for box, score, number in zip(boxes.tolist(), scores.tolist(), classes.tolist(), strict=True):
        if score >= SURE:
            left, top, right, bottom = _to_tile(box, scale)
            draw.rectangle((left, top, right, bottom), outline=PREDICTED, width=2)
            draw.text(
                (left + 4, top + 2), images.meta.classes[number], fill=PREDICTED, stroke_width=1, stroke_fill="#000000"
            )
    return tile


def _to_tile(box: list[float], scale: float) -> tuple[float, ...]:
    left, top, right, bottom = (min(max(side * scale, 0), TILE - 1) for side in box)
    return left, top, max(left, right), max(top, bottom)
