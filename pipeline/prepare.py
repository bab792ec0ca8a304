"""Stage `prepare`: make the store (or index) of a task, data/<task>/, from the source that params.yaml names.

`python -m pipeline.prepare cifar`. Takes seconds for the digits; about 20 seconds for CIFAR-10, and 170 MB of download
if the source is the official archive; a minute for Tiny ImageNet. ImageNet is indexed, not copied: its archives are
read once, for their checksums, and 45,000 images are decoded, in a few minutes. Prints counts, what the pixels are, and
their fingerprint. A task without nets needs no data.
"""

from pathlib import Path

from pipeline import code, stage
from pipeline.params import ROOT
from pipeline.plan import DATA, RECIPES, read_planned
from replication.data.sources import DATASETS, Place
from replication.data.sources.prepare import Requirements, describe, prepare
from replication.files import replace_folder
from replication.tasks import TASKS, get_task


def main() -> None:
    task = get_task(stage.arguments(__doc__, task=", ".join(TASKS)).task)
    folder, plan = DATA / task.name, read_planned(RECIPES / task.name / "data.json")
    if "skip" in plan:
        with replace_folder(folder) as unfinished:  # DVC expects the folder
            (unfinished / "skipped.txt").write_text(f"{plan['skip']}\n", encoding="utf-8")
        print(f"prepare {task.name}: skipped: {plan['skip']}")
        return
    place = None
    if plan.get("source"):
        place = Place(plan["source"], ROOT / Path(plan["root"]).expanduser(), plan["url"])
        print(f"prepare {task.name}: reading {plan['dataset']} ({place.source}) from {plan['root']}", flush=True)
    requirements = Requirements(plan["input_size"], plan["train_images"], plan["shorter_side"], task.needs_boxes)
    with code.guard_code(f"prepare-{task.name}"):
        meta = prepare(folder, DATASETS[plan["dataset"]], place, requirements)
    print(f"prepare {task.name}: {describe(meta)}")


if __name__ == "__main__":
    stage.run(main)
