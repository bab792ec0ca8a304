# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# The page is one notebook: this file first, then the others, which hold cells alone.

# %% tags=["parameters"]
results = "results"  # folder of the studies
profile = "quick"  # the study that was run last
profiles = "pipeline/profiles"  # the paper's is what studies are compared with
benchmarks = "benchmarks/results"  # folder of what `make bench` measured, machine by machine

# %%
from pathlib import Path

from replication.config.profiles import read_profile
from replication.report.answer import choose_main_setup
from replication.report.crate import describe_crate
from replication.report.depth import error_by_depth
from replication.report.first_screen import count_claims, first_screen
from replication.report.part import Outside, Part
from replication.report.record import setups_table
from replication.report.setups import choose_judged, choose_shown
from replication.results.studies import read_studies
from replication.tasks import TASKS
from replication.verdicts.evidence import describe_evidence

paper = read_profile(Path(profiles), "paper")
studies = {
    task: read_studies(Path(results), task, paper, needed=task.name in ("cifar", "imagenet")) for task in TASKS.values()
}
shown = {task: choose_shown(of_task, profile) if of_task else [] for task, of_task in studies.items()}
judged = {task: choose_judged(of_task, profile) for task, of_task in studies.items()}
of_name = {task.name: shown[task] for task in shown}  # of a task, the closest setup first
all_studies, all_shown, all_judged = (
    [study for of_task in chosen.values() for study in of_task] for chosen in (studies, shown, judged)
)

# %%
main_task, main_setup = choose_main_setup(all_studies)
Outside(
    {
        "first": first_screen(all_studies, paper),
        "claims": count_claims(all_studies, paper) | describe_evidence(all_studies, paper, Path(results)),
        "crate": describe_crate(all_studies, Path(results).parent),
        "picture": error_by_depth(main_task, main_setup, is_file=True).drawing,
    }
)

# %%
Part(
    "setups",
    "How close to the paper",
    [setups_table(all_judged, [study for study in all_studies if study not in all_judged])],
)
