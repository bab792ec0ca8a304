"""Stage `check`: refuse bad params before anything is fetched or trained, and write what each run is. Takes a second.

Makes recipes/<task>/, what is prepared, trained and tabulated (`pipeline.plan`), and recipes/code/, which code each
stage runs (`pipeline.code`). Every other stage depends on the files there that concern it.
"""

import json

from pipeline import code, stage
from pipeline.params import profile_of, read_params
from pipeline.plan import RECIPES, plans
from replication.arms import ARMS
from replication.files import replacing, seal


def main() -> None:
    params = read_params()
    profile = profile_of(params)
    with replacing(RECIPES) as folder:
        for arm in ARMS.values():
            for file, content in plans(params, profile, arm).items():
                path = folder / arm.name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            seal(folder / arm.name)
        code.write_digests(folder / code.CODE.name)


if __name__ == "__main__":
    stage.run(main)
