"""Training augmentation of section 4.2 as batched tensor operations: pad, random crop, random mirror."""

import torch
from torch import Tensor
from torch.nn.functional import pad as zero_pad


def augment(images: Tensor, pad: int, mirror: bool, generator: torch.Generator) -> Tensor:
    """Crop each image at random from its zero-padded self, and mirror half of them.

    With `pad` 4 there are 9 x 9 = 81 crops, all equally likely.

    Args:
        images: [N, C, H, W].
        pad: zeros added on each side, pixels.
        mirror: flip each image left to right with probability 1/2.
        generator: a CPU generator, so that the same crops are drawn whatever the device.

    Returns:
        [N, C, H, W], in channels_last memory.
    """
    count, _, height, width = images.shape
    top, left = torch.randint(0, 2 * pad + 1, (2, count, 1), generator=generator)
    flipped = torch.rand((count, 1), generator=generator) < 0.5
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    if mirror:
        columns = torch.where(flipped, columns.flip(1), columns)
    image, rows, columns = (
        i.to(images.device) for i in (torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :])
    )
    crops = zero_pad(images, (pad, pad, pad, pad))[image, :, rows, columns]
    return crops.permute(0, 3, 1, 2)
