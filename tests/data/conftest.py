"""What the tests of sources share: CIFAR-10 at a size that a test can make."""

from collections.abc import Callable

import pytest
from made_files import SMALL_CIFAR

from replication.data import Split, sources


@pytest.fixture
def small_cifar10(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete copy of CIFAR-10 has 6 and 4 images of 2 classes."""
    monkeypatch.setattr(sources, "CIFAR10", SMALL_CIFAR)


@pytest.fixture
def small(make_split: Callable[..., Split]) -> tuple[Split, Split]:
    """Such a copy: training and test images."""
    return make_split(6, classes=2, seed=1), make_split(4, classes=2, seed=2)
