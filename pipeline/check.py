"""Stage `check`: validate params before anything is fetched or trained, and write recipes. Takes a second.

Writes recipes/<task>/, what to prepare, train and tabulate (`pipeline.plan`), and recipes/code/, the code of each
stage (`pipeline.code`). Every other stage depends on the files that concern it.
"""

import json

from pipeline import code, stage
from pipeline.params import profile_of, read_params
from pipeline.plan import RECIPES, plans
from replication.files import replace_folder, seal
from replication.tasks import TASKS


def main() -> None:
    params = read_params()
    profile = profile_of(params)
    with replace_folder(RECIPES) as folder:
        for task in TASKS.values():
            for file, content in plans(params, profile, task).items():
                path = folder / task.name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            seal(folder / task.name)
        code.write_digests(folder / code.CODE.name)


if __name__ == "__main__":
    stage.run(main)
