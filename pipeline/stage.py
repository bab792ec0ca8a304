"""What the stage scripts share: arguments, images, tracking, and errors that end in a sentence, not in a traceback."""

import argparse
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from filelock import FileLock, Timeout

from replication.errors import UserError
from replication.files import REMEDIES, why

if TYPE_CHECKING:
    from pipeline.params import BaseParams
    from replication.config.recipe import Recipe
    from replication.data.store import Images
    from replication.tasks import Task
    from replication.tracking.tracker import Tracking


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


def task_or_run(description: str | None) -> argparse.Namespace:
    """A task, and either nothing more, or a net and a seed: one run of it."""
    from replication.tasks import TASKS

    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", help=", ".join(TASKS))
    parser.add_argument("net", nargs="?", help="resnet-110, resnet-110/no-warmup, …; none: all of params.yaml")
    parser.add_argument("seed", nargs="?", help="0, 1, …")
    options = parser.parse_args()
    if options.net and not options.seed:
        parser.error("a net needs a seed")
    return options


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


def images_of(params: "BaseParams", task: "Task") -> "Images":
    """The prepared images of a task; an index finds its photographs where params.yaml says.

    Raises:
        UserError: they are missing or damaged.
    """
    from pipeline.plan import DATA, RECIPES, planned
    from replication.data.index import read_images

    place = params.place(planned(RECIPES / task.images_folder / "data.json")["dataset"])
    return read_images(DATA / task.images_folder, place.root if place else DATA)


def tracking_of(
    params: "BaseParams", recipe: "Recipe", places: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> "Tracking":
    """Where a run of runs/ is tracked.

    Args:
        places: profile and label of studies by the hashes of their recipes, as params.yaml may have changed since.
    """
    from replication.config.profiles import named
    from replication.results.labels import label, pixels_label, study_folder
    from replication.tasks import get_task

    task = get_task(recipe.task)
    of_params = params.profile, study_folder(label(params.section(task).override), pixels_label(task, recipe.data))
    name = named(recipe.net, recipe.variant)
    weights, again = f"runs/{task.name}/{name}/seed-{recipe.seed}/net.safetensors", f"{task.name} {name} {recipe.seed}"
    return tracking_in(
        *places.get(recipe.hash, of_params), recipe,
        f"The weights are in `{weights}`, which DVC keeps.\n\n"
        f"Train it again, or resume it: `python -m pipeline.train {again}`",
    )  # fmt: skip


def tracking_in(profile: str, of_study: str, recipe: "Recipe", note: str) -> "Tracking":
    """Where a run is tracked: in mlflow.db, or as REPLICATION_TRACKING says (another store's address, or "off").

    An experiment of MLflow is a study, whose runs can be compared. Tags decide nothing, so neither the paper's profile
    nor its comparison is a dependency of the stage `train`.

    Args:
        of_study: the label of the study, or nothing: results/<profile>/<task>/<label>/.
    """
    from pipeline.params import PROFILES, RESULTS, TRACKING_URI, WORK
    from replication.config.profiles import read_profile
    from replication.results.fidelity import fidelity, of_paper
    from replication.results.labels import in_words
    from replication.tasks import get_task
    from replication.tracking.tracker import Tracking

    uri, task = os.environ.get("REPLICATION_TRACKING") or TRACKING_URI, get_task(recipe.task)
    name = " · ".join([profile, task.name, *in_words(of_study, recipe.data.pixels)])
    paper = of_paper(recipe, task, read_profile(PROFILES, "paper"))
    study = (RESULTS / profile / task.name / of_study).as_posix()
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
