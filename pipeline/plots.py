"""Make the page of `dvc plots` work offline: `make plots`, which then runs `dvc plots show`.

Writes .dvc/tmp/plots.html, a page with vega in it (0.9 MB, from the package vl-convert-python), and names it in
.dvc/config.local, so that `dvc plots show` and `dvc plots diff` of this checkout use it. DVC's own page fetches vega
from the network. Takes 5 seconds.
"""

import subprocess
from pathlib import Path

import vl_convert

from pipeline import stage
from replication.files import write_durably

TEMPLATE = Path(".dvc/tmp/plots.html")
VEGA_LITE = "5.21"  # of the schema that .dvc/plots/curves.json names
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8">{refresh_tag}<title>Training curves</title><script>%s</script></head>
<body>{plot_divs}</body>
</html>
"""


def main() -> None:
    TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    write_durably(TEMPLATE, (PAGE % vl_convert.javascript_bundle(vl_version=VEGA_LITE)).encode())
    inside = TEMPLATE.relative_to(".dvc").as_posix()  # DVC looks for it there
    subprocess.run(["dvc", "config", "--local", "plots.html_template", inside], check=True)


if __name__ == "__main__":
    stage.run(main)
