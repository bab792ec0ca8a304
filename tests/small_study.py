"""Merge a YAML file on a checkout: `python tests/small_study.py <checkout> tests/small.yaml`."""

import sys
from pathlib import Path

from ruamel.yaml import YAML

from replication.config import validation


def merge(checkout: Path, small: Path) -> None:
    """Rewrite `checkout`/params.yaml and pipeline/profiles/ with the values of `small`."""
    yaml = YAML(typ="rt")
    values = yaml.load(small.read_text(encoding="utf-8"))
    files = {checkout / "params.yaml": values["params"]}
    files |= {checkout / f"pipeline/profiles/{name}.yaml": of for name, of in values.get("profiles", {}).items()}
    for file, changes in files.items():
        with_changes = validation.merge(yaml.load(file.read_text()), changes)
        with file.open("w") as opened:
            yaml.dump(with_changes, opened)


if __name__ == "__main__":
    merge(Path(sys.argv[1]), Path(sys.argv[2]))
