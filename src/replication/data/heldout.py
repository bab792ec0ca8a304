"""Which training images are trained on, and which are held out."""

import numpy as np
import torch
from numpy.typing import NDArray


def split_training(labels: torch.Tensor | NDArray[np.int64], train_images: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions of the images that are trained on, and of those that are held out, both in the stored order.

    A stratified hold-out: each class gives its last images, in proportion to its size and to within one image, in any
    order of the images. Of images that come one of each class in turn these are the very last ones. If all images are
    trained on, none is held out. Takes half a second for the 1.28 million of ImageNet.

    Args:
        labels: of all training images, [N], from 0.
        train_images: how many of them are trained on.
    """
    labels = np.asarray(labels)
    count = len(labels)
    if train_images >= count:
        return torch.arange(count), torch.empty(0, dtype=torch.int64)
    sizes = np.bincount(labels)
    by_class = np.argsort(labels, kind="stable")
    sorted_labels = labels[by_class]
    # How far each image is from the end of its class, as a share of the class: the nearest are held out.
    from_end = np.cumsum(sizes)[sorted_labels] - np.arange(count) - 0.5
    distance = np.empty(count)
    distance[by_class] = from_end / sizes[sorted_labels]
    held_out = np.zeros(count, dtype=bool)
    held_out[np.lexsort((-np.arange(count), distance))[: count - train_images]] = True
    return torch.from_numpy(np.flatnonzero(~held_out)), torch.from_numpy(np.flatnonzero(held_out))
