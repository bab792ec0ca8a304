"""What the tests share: a tiny data set, a tiny recipe, and a project that the stages can run in."""

import compileall
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from ruamel.yaml import YAML
from stages import Stage

from replication.config.recipe import Recipe
from replication.config.validation import merge
from replication.data.sources.statistics import compute_statistics
from replication.data.store import Split, Store, make_image, read_store, write_store
from replication.tasks import TASKS
from replication.tasks.batches import Batches
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tracking.live import LiveRun
from replication.training.processes import Processes
from replication.training.run import train
from replication.training.state import State

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))  # 1 is faster on a busy machine

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))  # as when a stage runs: `python -m pipeline.train` in the project's root

# 64 iterations of a net of 8 layers take about a second.
TINY: dict[str, Any] = {
    "input_size": 8,
    "train_images": 96,
    "augmentation": {"pad": 1, "mirror": True, "zero": "after_mean"},
    "test": "single_view",
    "shortcut": {"subsample": "stride", "zero_channels": "split"},
    "initialisation": "fan_in",
    "bn_group": 8,
    "bn_statistics": "running",
    "optimiser": {"momentum": 0.9, "nesterov": False, "weight_decay": 0.0001, "weight_decay_scope": "all"},
    "schedule": {"batch_size": 16, "iterations": 64, "learning_rate": 0.05, "drops": [32, 48], "drop_factor": 0.1},
    "warmup": {"from_depth": 110, "learning_rate": 0.005, "until_train_error_below": 50, "window": 4},
    "precision": "fp32",
    "logging": {"log_every": 8, "evaluate_every": 16},
}

# 8 iterations of a net of 18 layers take about a second.
TINY_IMAGENET: dict[str, Any] = {
    "input_size": 32,
    "train_images": 40,
    "bottleneck_stride": "1x1",
    "augmentation": {"shorter_side": [36, 44], "mirror": True, "colour": 0.1},
    "test": {"shorter_side": 36, "scales": [32, 40], "mirrored": False},
    "shortcut": {"subsample": "stride", "zero_channels": "split"},
    "initialisation": "fan_in",
    "bn_group": 4,
    "bn_statistics": "running",
    "optimiser": {"momentum": 0.9, "nesterov": False, "weight_decay": 0.0001, "weight_decay_scope": "all"},
    "schedule": {"batch_size": 16, "iterations": 8, "learning_rate": 0.01, "drops": [6], "drop_factor": 0.1},
    "precision": "fp32",
    "logging": {"log_every": 2, "evaluate_every": 4},
}


@pytest.fixture
def make_split() -> Callable[..., Split]:
    return random_split


def random_split(count: int, size: int = 8, classes: int = 4, seed: int = 0) -> Split:
    """Noise with one brighter colour for each class, which no crop or mirror hides; every class occurs."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    images = random.integers(0, 160, (count, 3, size, size), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        if label % 4 < 3:
            image[label % 4] += 80
    return Split(images, labels)


@pytest.fixture
def small() -> tuple[Split, Split]:
    """Training and test images of a small CIFAR-10."""
    return random_split(6, classes=2, seed=1), random_split(4, classes=2, seed=2)


def write_tiny_store(folder: Path) -> Path:
    """96 training and 40 test images of 8x8, four classes."""
    write_store(
        folder,
        random_split(96, seed=1),
        random_split(40, seed=2),
        name="tiny",
        source="made by the tests",
        pixels="noise",
        classes=["red", "green", "blue", "grey"],
    )
    return folder


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_store(tmp_path_factory.mktemp("store") / "cifar")


@pytest.fixture(scope="session")
def store(store_folder: Path) -> Store:
    """96 training and 40 test images of 8x8, four classes."""
    return read_store(store_folder)


@pytest.fixture
def make_recipe(store: Store) -> Callable[..., CifarRecipe]:
    """`make_recipe(seed=1, schedule={"iterations": 8})`: the tiny recipe with some fields changed."""

    def make(**changes: Any) -> CifarRecipe:
        values = {"task": "cifar", "net": "resnet-8", "seed": 0, "data": store.meta.identity.model_dump()} | TINY
        return CifarRecipe.model_validate(merge(values, changes))

    return make


@pytest.fixture
def make_batches(store: Store) -> Callable[..., CifarBatches]:
    """`make_batches(recipe)`, or with the share of one process among several."""
    return lambda recipe, *share: CifarBatches(store, recipe, torch.device("cpu"), *share)


@pytest.fixture(scope="session")
def photographs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    train, test = random_split(48, 40, seed=3), random_split(20, 40, seed=4)
    statistics = compute_statistics(lambda index: make_image(train.images[index]), 48, 36, 32)
    folder = tmp_path_factory.mktemp("store") / "imagenet"
    write_store(
        folder,
        train,
        test,
        name="tiny photographs",
        source="made by the tests",
        pixels="noise",
        classes=["red", "green", "blue", "grey"],
        statistics=statistics,
    )
    return folder


@pytest.fixture(scope="session")
def photographs(photographs_folder: Path) -> Store:
    """48 training and 20 test images of 40x40 with their statistics, four classes."""
    return read_store(photographs_folder)


@pytest.fixture(scope="session")
def make_imagenet_recipe(photographs: Store) -> Callable[..., ImagenetRecipe]:
    """As `make_recipe`, of the task `imagenet`."""

    def make(**changes: Any) -> ImagenetRecipe:
        data = photographs.meta.identity.model_dump()
        values = {"task": "imagenet", "net": "resnet-18-B", "seed": 0, "data": data} | TINY_IMAGENET
        return ImagenetRecipe.model_validate(merge(values, changes))

    return make


@pytest.fixture
def make_photograph_batches(photographs: Store) -> Callable[..., PhotographBatches]:
    """As `make_batches`, of the task `imagenet`."""
    return lambda recipe, *share: PhotographBatches(photographs, recipe, torch.device("cpu"), *share)


@pytest.fixture
def fit(make_batches: Callable[[Recipe], Batches], tmp_path: Path) -> Callable[..., State]:
    """`fit(recipe)`: train in this process; saves at its end only, unless told otherwise."""

    def fitted(
        recipe: Recipe,
        work: Path | None = None,
        batches: Batches | None = None,
        live: LiveRun | None = None,
        save_seconds: float = 1e9,
        processes: Processes = Processes(),  # noqa: B008
        compiled: bool = False,
    ) -> State:
        work = work or tmp_path / f"work-{recipe.hash}"
        live = live or LiveRun(None, recipe)
        return train(recipe, batches or make_batches(recipe), work, live, save_seconds, processes, compiled)

    return fitted


class Interrupted(CifarBatches):
    """Batches that do something just before the batch of one iteration is taken."""

    def __init__(self, store: Store, recipe: CifarRecipe, iteration: int, action: Callable[[], object]):
        super().__init__(store, recipe, torch.device("cpu"))
        self.iteration, self.action = iteration, action

    def training(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        if iteration == self.iteration:
            self.action()
        return super().training(iteration)


@pytest.fixture
def interrupted(store: Store) -> Callable[[CifarRecipe, int, Callable[[], object]], Batches]:
    return lambda recipe, iteration, action: Interrupted(store, recipe, iteration, action)


@pytest.fixture
def files_of_at_most() -> Callable[[int], AbstractContextManager[None]]:
    """What a full disk does to a large file, done by the operating system."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limited


@dataclass(frozen=True)
class Project:
    """A copy of the stage scripts with the tiny data set and a profile `tiny`, apart from this checkout."""

    folder: Path

    def configure(self, params: dict[str, Any] | None = None, check: bool = True, **profile: Any) -> None:
        """Write params.yaml and the profile, with some keys changed, and run the stage `check`, which others wait for.

        The keys of the profile are those of its section `cifar`.
        """
        yaml = YAML(typ="safe")
        written = yaml.load((PROJECT / "params.yaml").read_text())
        common = {"seeds": [0], "ensembles": [], "override": {}}
        tasks = {name: common | {"nets": ["plain-8"] if name == "cifar" else []} for name in TASKS}
        written = merge(written, {"profile": "tiny", "depth": 8, "device": "cpu", "processes": 1} | tasks)
        yaml.dump(merge(written, params or {}), self.folder / "params.yaml")
        cifar = merge({"dataset": "cifar10"} | TINY, profile)
        others = {name: {"dataset": task.datasets[0]} | TINY_IMAGENET for name, task in TASKS.items()}
        tiny = {name: cifar if name == "cifar" else others[name] for name in TASKS}
        yaml.dump(tiny, self.folder / "pipeline/profiles/tiny.yaml")
        if check:
            checked = self.run("check")
            assert checked.returncode == 0, checked.stderr

    def start(
        self, script: str, *arguments: str, fresh: bool = False, **environment: str
    ) -> Stage | subprocess.Popen[str]:
        """Start a stage in the background.

        Args:
            fresh: start a new interpreter by `python -m`, which takes two seconds more than a fork (see stages.py).
        """
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "REPLICATION_", "MLFLOW_"))}
        ours |= {"REPLICATION_TRACKING": "off", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | environment
        if not fresh and sys.platform == "linux":  # a fork after an import of torch is not safe on macOS
            return Stage(self.folder, script, arguments, ours)
        return subprocess.Popen(
            [sys.executable, "-m", f"pipeline.{script}", *arguments],
            cwd=self.folder,
            env=ours,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_iteration(self, process: Stage | subprocess.Popen[str], iteration: int) -> Path:
        """Wait until a training that saves each iteration has saved this one; returns the state's file."""
        for _ in range(60_000):
            for state in self.folder.glob(".work/*/state.pt"):
                if torch.load(state, weights_only=True)["iteration"] >= iteration:
                    return state
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.002)
        raise AssertionError(f"iteration {iteration} was not reached in two minutes")

    def run(
        self, script: str, *arguments: str, fresh: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a stage to its end."""
        process = self.start(script, *arguments, fresh=fresh, **environment)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="session")
def project_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the default configuration, checked, without data."""
    folder = tmp_path_factory.mktemp("template") / "project"
    shutil.copytree(PROJECT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "pipeline", quiet=1)
    (folder / "src").symlink_to(PROJECT / "src")
    Project(folder).configure()
    return folder


@pytest.fixture
def project(tmp_path: Path, project_template: Path, store_folder: Path, photographs_folder: Path) -> Project:
    """A project for one test. Its data are hard links to files that all tests share: replace them, never edit them."""
    folder = tmp_path / "project"
    shutil.copytree(project_template, folder, symlinks=True)
    for name, store in (("cifar", store_folder), ("imagenet", photographs_folder)):
        shutil.copytree(store, folder / "data" / name, copy_function=os.link)
    return Project(folder)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all workers of xdist share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def mlflow_database(shared_folder: Path) -> Path:
    """An empty MLflow store on sqlite, for tests to copy: creating one takes 7 seconds."""
    file = shared_folder / "mlflow.db"
    with FileLock(shared_folder / "mlflow.lock"):
        if not file.exists():
            from mlflow.tracking import MlflowClient

            unfinished = file.with_suffix(".unfinished")
            MlflowClient(f"sqlite:///{unfinished}").search_experiments()
            unfinished.replace(file)
    return file


@pytest.fixture
def configure(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`configure({"depth": 14})`: params.yaml with some keys changed, read by the stages' own reader."""
    from pipeline.params import read_params

    monkeypatch.chdir(project.folder)
    for key in ("SOURCE", "ROOT"):
        monkeypatch.delenv(f"REPLICATION_CIFAR10_{key}", raising=False)

    def configured(changes: dict[str, Any] | None = None, **profile: Any) -> Any:
        project.configure(changes, check=False, **profile)
        return read_params()

    return configured


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", type=Path, default=PROJECT / "reports/replication.html", help="the page to look at")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: more than three seconds; `make test` leaves it out, `make test-all` does not"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first. A worker runs whole files, and should not be alone with a long one at the end.

    Two files share an evening. The second comes later, so that it does not wait for the first to make it.
    """
    items.sort(key=lambda item: (not item.path.name.startswith("test_user"), item.path.name == "test_user_again.py"))
