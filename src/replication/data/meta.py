"""The description of a prepared data set: `meta.json`. Read without torch."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from replication.config.recipe import Data
from replication.files import check_whole

META = "meta.json"
OFFICIAL = "official"
REMAKE = "run `dvc repro prepare`"


@dataclass(frozen=True)
class Meta:
    """What a store or an index holds.

    `pixels` is "official" if their digest, or that of their archives, is the known one; else it says what is known of
    them. `input_size` is None where images have sizes of their own.
    """

    name: str
    source: str
    pixels: str
    classes: list[str]
    train_images: int
    test_images: int
    input_size: int | None
    fingerprint: str

    @property
    def is_official(self) -> bool:
        return self.pixels == OFFICIAL

    @property
    def identity(self) -> Data:
        """The part of a recipe that says which images these are."""
        return Data(name=self.name, pixels=self.pixels, fingerprint=self.fingerprint)


def write_meta(folder: Path, meta: Meta) -> None:
    (folder / META).write_text(json.dumps(asdict(meta), indent=2) + "\n", encoding="utf-8")


def read_meta(folder: Path) -> Meta:
    """Read what `write_meta` wrote.

    Raises:
        UserError: it is missing or damaged.
    """
    return Meta(**json.loads(check_whole(folder, META, REMAKE).read_text(encoding="utf-8")))
