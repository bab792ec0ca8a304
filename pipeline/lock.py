"""Write requirements.lock from constraints.txt: `make lock`. Not a stage.

Pip resolves the project with its extra `dev` and says which file of each package it would install, with its sha256. No
file is installed, and no address is written. The lock holds for the Python and the platform that run this.
"""

import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path("requirements.lock")
HEAD = "# Made by `make lock` on Python {python}, {platform}. `make locked` installs it: pip refuses all other files.\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--report", report]
        subprocess.run([*command, "-c", "constraints.txt", ".[dev]", "setuptools"], check=True)
        lines = list_pins(json.loads(report.read_text(encoding="utf-8")))
    python = ".".join(map(str, sys.version_info[:2]))
    head = HEAD.format(python=python, platform=f"{sys.platform} {platform.machine()}")
    LOCK.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{LOCK}: {len(lines)} packages")


def list_pins(report: dict) -> list[str]:
    """A line a package of pip's report, "name==version --hash=sha256:…", by name; without this project itself."""
    pins = {}
    for item in report["install"]:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        if digest := item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256"):
            pins[name] = f"{name}=={item['metadata']['version']} --hash=sha256:{digest}"
    return [pins[name] for name in sorted(pins)]


if __name__ == "__main__":
    main()
