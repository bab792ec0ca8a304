"""Print the runs of params.yaml for a cluster, a line "task net seed" each: `python -m pipeline.launch.items WAVE`.

Wave 0 has the runs that start from no other, wave 1 those that start from runs of wave 0, and so on. Run it after
`check`.
"""

from pipeline import stage
from pipeline.plan import PlannedRun, plan_of, read_planned_starts
from replication.errors import UserError
from replication.tasks import TASKS


def wave_of(run: PlannedRun) -> int:
    """The length of the chain of runs that must be trained before this one."""
    return max((1 + wave_of(start) for start in read_planned_starts(run).values()), default=0)


def main() -> None:
    wave = stage.arguments(__doc__, wave="0, 1, …").wave
    if not wave.isdecimal():
        raise UserError(f"the wave is {wave!r}; it must be a whole number.", key="wave")
    for task in TASKS.values():
        for run in plan_of(task).runs:
            if wave_of(run) == int(wave):
                print(task.name, run.name, run.seed)


if __name__ == "__main__":
    stage.run(main)
