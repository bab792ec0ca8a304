"""What the stage scripts share: arguments, the device, and errors that end in one sentence, not in a traceback."""

import argparse
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

# DVC runs queued and --temp experiments in a copy of the project: use that copy's library, not the installed one.
SOURCE = str(Path(__file__).resolve().parents[1] / "src")
sys.path.insert(0, SOURCE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCE, os.environ.get("PYTHONPATH"))))

from filelock import FileLock, Timeout  # noqa: E402

from replication.errors import UserError  # noqa: E402
from replication.files import REMEDIES, replacing, why  # noqa: E402

if TYPE_CHECKING:
    import torch

    from pipeline.params import BaseParams
    from replication.arms import Arm
    from replication.images.store import Images
    from replication.recipe import Recipe
    from replication.training.tracking import Tracking

STORE = Path("data")


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and exit: 0, 1 with one sentence for what the user can mend, or 130 after a Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a locale without UTF-8 cannot print "·"
    try:
        main()
    except UserError as error:
        sentence = str(error)
    except KeyboardInterrupt:
        print("\nstopped; nothing is half written: run the same command again\n", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `… | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        sentence = f"{error.filename or 'A file'} cannot be read or written: {why(error)}."
    else:
        sys.exit(0)
    print(f"\n{sentence}\n", file=sys.stderr)
    sys.exit(1)


def arguments(description: str | None, **positional: str) -> argparse.Namespace:
    """Positional arguments by name and help text."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in positional.items():
        parser.add_argument(name, help=text)
    return parser.parse_args()


def seconds(variable: str, default: float) -> float:
    """A number of seconds from the environment.

    Raises:
        UserError: it is none.
    """
    text = os.environ.get(variable, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UserError(f"the environment variable {variable} is {text!r}; it must be a number of seconds, 60 say.")
    return value


def skipped(folder: Path, plan: Mapping[str, Any]) -> bool:
    """Whether there is nothing to do; then `folder` holds a note that says why, as DVC expects the stage's folder."""
    if "skip" not in plan:
        return False
    with replacing(folder) as unfinished:
        (unfinished / "skipped.txt").write_text(f"{plan['skip']}\n", encoding="utf-8")
    print(f"{folder}: nothing to do: {plan['skip']}")
    return True


def images_of(params: "BaseParams", arm: "Arm") -> "Images":
    """The prepared images of an arm; an index finds its photographs where params.yaml says.

    Raises:
        UserError: they are missing or damaged.
    """
    from pipeline.plan import RECIPES, planned
    from replication.images.index import read_images

    place = params.place(planned(RECIPES / arm.name / "data.json")["dataset"])
    return read_images(STORE / arm.name, place.root if place else STORE)


def tracking_of(
    params: "BaseParams", recipe: "Recipe", path: str, places: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> "Tracking":
    """Where a run of runs/ is tracked.

    Args:
        path: its place in there, "depth/resnet-110".
        places: profile and label of studies by the hashes of their recipes, as params.yaml may have changed since.
    """
    from replication.arms import arm_of
    from replication.study.labels import label, pixels_label, study_folder

    arm = arm_of(recipe.arm)
    of_params = params.profile, study_folder(label(params.section(arm).override), pixels_label(arm, recipe.data))
    weights, again = f"runs/{arm.name}/{path}/seed-{recipe.seed}/net.safetensors", f"{arm.name} {path} {recipe.seed}"
    return tracking_in(
        *places.get(recipe.hash, of_params), recipe,
        f"The weights are in `{weights}`, which DVC keeps.\n\n"
        f"Again, and continued if it was stopped: `python -m pipeline.train {again}`",
    )  # fmt: skip


def tracking_in(profile: str, of_study: str, recipe: "Recipe", note: str) -> "Tracking":
    """Where a run is tracked: in mlflow.db, or as REPLICATION_TRACKING says (another store's address, or "off").

    An experiment of MLflow is a study, whose runs can be compared. Tags decide nothing, so neither the paper's profile
    nor its comparison is a dependency of the stage `train`.

    Args:
        of_study: the label of the study, or nothing: results/<profile>/<arm>/<label>/.
    """
    from pipeline.params import PROFILES, RESULTS, TRACKING_URI, WORK
    from replication.arms import arm_of
    from replication.profiles import read_profile
    from replication.study.fidelity import fidelity, of_paper
    from replication.study.labels import in_words
    from replication.training.tracking import Tracking

    uri, arm = os.environ.get("REPLICATION_TRACKING") or TRACKING_URI, arm_of(recipe.arm)
    name = " · ".join([profile, arm.name, *in_words(of_study, recipe.data.pixels)])
    paper = of_paper(recipe, arm, read_profile(PROFILES, "paper"))
    study = (RESULTS / profile / arm.name / of_study).as_posix()
    tags = {"profile": profile, "study": study, "fidelity": fidelity(recipe, paper)}
    return Tracking(None if uri == "off" else uri, name, WORK / "mlflow.lock", tags, note)


def forget(recipe: "Recipe") -> None:
    """Delete the resume state of a run that is safe, unless another process is training it just now."""
    from pipeline.params import WORK

    state = WORK / recipe.hash
    with suppress(Timeout, OSError):
        if state.exists():
            with FileLock(state / "lock", timeout=0):
                shutil.rmtree(state)


def choose_device(name: str) -> "torch.device":
    """`auto` takes cuda, then mps, then cpu.

    Raises:
        UserError: the device that params.yaml names is not there.
    """
    import torch

    from replication.training.speed import keep_memory

    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, there in found.items() if there)
    if not found[name]:
        raise UserError(f"params.yaml: device: this machine has no {name}; set it to auto or cpu.")
    if name == "cpu":
        keep_memory()
    if name == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.deterministic = True
        # A recipe that says fp32 means it: by default cuDNN takes TF32, of ten bits, for convolutions.
        torch.backends.cudnn.conv.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "ieee"
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # under torchrun, one GPU a process
    return torch.device(name)
