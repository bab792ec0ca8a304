"""What the stage scripts share: arguments, images, and errors as a sentence without a traceback."""

import argparse
import math
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from replication.errors import UserError
from replication.files import describe_cause, error_number

if TYPE_CHECKING:
    from pipeline.params import BaseParams
    from replication.data.store import Images
    from replication.tasks import Task


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and exit: with 0, with 1 after a user-facing error, or with 130 after a Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a locale without UTF-8 cannot print "·"
    try:
        main()
    except UserError as error:
        sentence = str(error)
    except KeyboardInterrupt:
        print("\nstopped; no file is half written. Run the same command again\n", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `… | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if error_number(error) is None:  # no error of the operating system
            raise
        sentence = f"{getattr(error, 'filename', None) or 'A file'} cannot be read or written: {describe_cause(error)}."
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
        UserError: it is not a number of seconds.
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
    """The prepared images of a task; params.yaml says where an index finds its photographs.

    Raises:
        UserError: they are missing or damaged.
    """
    from pipeline.plan import DATA, RECIPES, read_planned
    from replication.data.index import read_images

    place = params.place(read_planned(RECIPES / task.images_folder / "data.json")["dataset"])
    return read_images(DATA / task.images_folder, place.root if place else DATA)
