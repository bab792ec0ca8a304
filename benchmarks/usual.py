"""The usual way to train these nets in PyTorch, which this project is measured against: no script of its own.

For CIFAR a net, a `DataLoader` with two workers over PIL images, torchvision's transforms and the plain loop, with maps
in NCHW and in fp32, as in akamaster/pytorch_resnet_cifar10, which most who replicate section 4.2 begin from. For
ImageNet the same loop over torchvision's own net. Nothing here is of this project, so that it gains from nothing in it.
"""

import time
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, relu
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

BATCH = 128
NORMALISE = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
TRAINING = transforms.Compose(
    [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, 4), transforms.ToTensor(), NORMALISE]
)
TEST = transforms.Compose([transforms.ToTensor(), NORMALISE])


class Block(nn.Module):
    """Two 3x3 convolutions; the shortcut is option A."""

    def __init__(self, before: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.zeros = stride, (channels - before) // 2

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if self.zeros:
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.zeros, self.zeros))
        return relu(out + x)


def cifar_resnet(depth: int) -> nn.Module:
    """ResNet of 6n+2 layers, in NCHW."""
    blocks: list[nn.Module] = []
    before = 16
    for channels in (16, 32, 64):
        for index in range((depth - 2) // 6):
            blocks.append(Block(before, channels, 2 if channels > 16 and index == 0 else 1))
            before = channels
    stem = (nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    net = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return net


class Pictures(Dataset):
    """Images in memory, as torchvision's CIFAR10 keeps them: an array each, made a PIL image when it is asked for."""

    def __init__(self, images: Tensor, labels: Tensor, transform: Callable):
        self.images, self.labels = images.permute(0, 2, 3, 1).contiguous().numpy(), labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def usual_recipe(
    depth: int,
    training: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    device: torch.device,
    workers: int = 2,
    batch: int = BATCH,
) -> Callable[[], float]:
    """Each call trains for an epoch and tests once; it returns training images a second, the test within the time.

    The workers stay between calls, as epochs here are short ones.

    Args:
        training, test: images [N, 3, 32, 32] uint8, and labels.
    """
    options = {"num_workers": workers, "persistent_workers": workers > 0, "pin_memory": device.type == "cuda"}
    loader = DataLoader(Pictures(*training, TRAINING), batch, shuffle=True, **options)
    test_loader = DataLoader(Pictures(*test, TEST), batch, **options)
    net = cifar_resnet(depth).to(device)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def rate() -> float:
        start = time.perf_counter()
        net.train()
        losses, right = 0.0, 0.0
        for images, labels in loader:
            images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            scores = net(images)
            loss = cross_entropy(scores, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses += loss.item()
            right += (scores.argmax(1) == labels).sum().item()
        net.eval()
        with torch.no_grad():
            for images, labels in test_loader:
                scores = net(images.to(device, non_blocking=True))
                right += (scores.argmax(1) == labels.to(device)).sum().item()
        return len(training[1]) / (time.perf_counter() - start)

    return rate


def usual_steps(net: nn.Module, images: Tensor, labels: Tensor, count: int) -> Callable[[], float]:
    """Each call makes `count` steps of the plain loop on one batch; it returns images a second."""
    optimiser = torch.optim.SGD(net.train().parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def rate() -> float:
        start = time.perf_counter()
        for _ in range(count):
            loss = cross_entropy(net(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()
        return count * len(labels) / (time.perf_counter() - start)

    return rate
