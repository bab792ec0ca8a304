"""What every stage script shares: a user's error ends it with one sentence, not a traceback."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from replication.errors import UserError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and exit: 0, or 1 with one sentence for a UserError."""
    try:
        main()
    except UserError as error:
        print(f"\n{error}\n", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def arguments(description: str | None, **positional: str) -> argparse.Namespace:
    """Positional arguments by name and help text."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in positional.items():
        parser.add_argument(name, help=text)
    return parser.parse_args()
