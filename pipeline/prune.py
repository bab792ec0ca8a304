"""Delete from the run store all but the runs of params.yaml: `make prune`, or `python -m pipeline.prune`.

It deletes runs and outcomes of other params, other code or other threads, and keeps resume states. `dvc gc --workspace`
prunes DVC's cache.
"""

import shutil

from pipeline import code, run_store, stage
from pipeline.evaluate import entry_of
from pipeline.params import WORK
from pipeline.plan import plan_of, recipe_of
from replication.tasks import TASKS


def main() -> None:
    used = set()
    for task in TASKS.values():
        with code.guard_code(f"train-{task.name}") as training, code.guard_code(f"evaluate-{task.name}") as evaluation:
            for run in plan_of(task).runs:
                used.add(run_store.run_entry(recipe_of(run).hash, training))
                if run.folder.exists():
                    used.add(entry_of(run, evaluation))
    for kind in ("runs", "outcomes"):
        run_store.remove_unfinished((WORK / kind).glob(".*"))
    entries = [entry for kind in ("runs", "outcomes") for entry in (WORK / kind).glob("[!.]*")]
    folders = [entry for entry in entries if entry not in used]
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    for folder in folders:
        shutil.rmtree(folder)
    print(f"prune: {len(folders)} entries deleted, {size / 1e6:.0f} MB; {len(used)} kept in {WORK}")


if __name__ == "__main__":
    stage.run(main)
