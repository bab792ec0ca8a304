"""Stage `check`: refuse bad params before anything is fetched or trained, and write what each run is. Takes a second.

Makes recipes/<arm>/: data.json, what to prepare; study.json, what its tables hold; <run>/seed-<n>.json, the recipe of a
run but for its data. Each stage depends on the file that concerns it, so that a change of params reruns nothing else.
"""

import json

from pipeline import stage
from pipeline.params import profile_of, read_params
from pipeline.plan import RECIPES, plans
from replication.arms import ARMS
from replication.files import replacing


def main() -> None:
    params = read_params()
    profile = profile_of(params)
    with replacing(RECIPES) as folder:
        for arm in ARMS.values():
            for file, content in plans(params, profile, arm).items():
                path = folder / arm.name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    stage.run(main)
