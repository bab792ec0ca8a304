"""How fast one core turns JPEG files into crops: `python benchmarks/decoding.py <folder of JPEGs>`.

Prints images a second of Pillow (`data/decoding.py` and `data/crops.py`: what training uses) and of torchvision
(`decode_image`, then crop and antialiased resize of the tensor), and their ratio; then which files torchvision refuses
or turns otherwise than Pillow. Both draw the same random crops of 224 pixels, shorter side 256 to 480, from bytes in
memory, on one thread, by turns, median of seven rounds: seconds for 64 photographs. Expect 400 images/s a core.
"""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2.functional import resized_crop

from replication.data.crops import Pixels, crop
from replication.data.decoding import decode

SIZE, SIDES, ROUNDS = 224, (256, 480), 7

Draw = tuple[int, float, float]


def by_pillow(encoded: bytes, draw: Draw) -> Pixels:
    side, down, across = draw
    return crop(decode(encoded, "an image"), side, SIZE, down, across)


def by_torchvision(encoded: bytes, draw: Draw) -> Pixels:
    side, down, across = draw
    data = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
    image = decode_image(data, ImageReadMode.RGB, apply_exif_orientation=True)
    height, width = image.shape[1:]
    part = round(SIZE * min(height, width) / side)
    top, left = int(down * (height - part)), int(across * (width - part))
    return resized_crop(image, top, left, part, part, [SIZE, SIZE], antialias=True).permute(1, 2, 0).numpy()


def disagreement(encoded: bytes) -> str | None:
    """What torchvision does otherwise than Pillow with a whole image, if anything that the eye would see."""
    ours = np.asarray(decode(encoded, "an image"), np.int16)
    try:
        data = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
        theirs = decode_image(data, ImageReadMode.RGB, apply_exif_orientation=True).permute(1, 2, 0).numpy()
    except RuntimeError as error:
        return f"refused: {str(error).splitlines()[0]}"
    if theirs.shape != ours.shape:
        return f"{theirs.shape[1]}x{theirs.shape[0]} instead of {ours.shape[1]}x{ours.shape[0]}"
    difference = np.abs(ours - theirs).mean()
    return f"mean difference of {difference:.1f} grey levels" if difference > 2 else None


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    files = sorted(f for f in Path(sys.argv[1]).rglob("*") if f.suffix.lower() in (".jpg", ".jpeg"))
    images = [file.read_bytes() for file in files]
    random = np.random.default_rng(0)
    draws = [(int(random.integers(SIDES[0], SIDES[1] + 1)), *random.random(2)) for _ in images]
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, way in (("Pillow", by_pillow), ("torchvision", by_torchvision)):
            start = time.process_time()  # of this process alone, as other work may share the machine
            for encoded, draw in zip(images, draws, strict=True):
                way(encoded, draw)
            seconds.setdefault(name, []).append(time.process_time() - start)
    rates = {name: len(images) / float(np.median(times)) for name, times in seconds.items()}
    kilobytes = sum(map(len, images)) / len(images) / 1e3
    print(f"{len(images)} files of {kilobytes:.0f} kB on average, load average of the machine {os.getloadavg()[0]:.1f}")
    for name, rate in rates.items():
        print(f"{name:12} {rate:6.0f} images/s a core   {rate / rates['Pillow']:5.2f} x")
    for file, encoded in zip(files, images, strict=True):
        if told := disagreement(encoded):
            print(f"torchvision, {file.name}: {told}")


if __name__ == "__main__":
    main()
