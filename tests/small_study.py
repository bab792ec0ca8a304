"""Merge a YAML file on the params.yaml of a checkout: `python tests/small_study.py <checkout> tests/small.yaml`."""

import sys
from pathlib import Path

from ruamel.yaml import YAML


def merge(checkout: Path, small: Path) -> None:
    """Rewrite `checkout`/params.yaml with the values of `small`."""
    yaml = YAML()
    params = yaml.load((checkout / "params.yaml").read_text())
    _merge(params, yaml.load(small.read_text()))
    with (checkout / "params.yaml").open("w") as file:
        yaml.dump(params, file)


def _merge(into: dict, values: dict) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


if __name__ == "__main__":
    merge(Path(sys.argv[1]), Path(sys.argv[2]))
