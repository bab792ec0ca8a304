# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# The page is one notebook: this file first, then the others, which hold cells alone. A cell shows one part of the page.

# %% tags=["parameters"]
results = "results"  # folder of the studies
profile = "quick"  # the study that was run last
profiles = "pipeline/profiles"  # the paper's is what studies are compared with
benchmarks = "benchmarks/results"  # folder of what `make bench` measured, machine by machine

# %%
from pathlib import Path

from replication.config.profiles import read_profile
from replication.report.claims import claim_cards, describe_rule, list_waiting_claims
from replication.report.forest import forest
from replication.report.part import Part
from replication.report.setups import choose_judged, choose_shown
from replication.results.studies import read_studies
from replication.tasks import TASKS

paper = read_profile(Path(profiles), "paper")
studies = {name: read_studies(Path(results), TASKS[name], paper) for name in ("cifar", "imagenet")}
cifar, imagenet = (choose_shown(studies[name], profile) for name in ("cifar", "imagenet"))
with_boxes = ("localization", "rcnn", "detection")
studies |= {name: read_studies(Path(results), TASKS[name], paper, needed=False) for name in with_boxes}
localization, rcnn, detection = (choose_shown(studies[name], profile) for name in with_boxes)
judged = {name: choose_judged(of_task, profile) for name, of_task in studies.items()}

# %%
Part(
    "comparisons",
    "All comparisons",
    forest([study for of_task in judged.values() for study in of_task]),
    intro="Each measured difference in error that a verdict rests on. Right of zero agrees with the paper. Symlog axis, "
    "linear within ±2 points.",
    group="Claims",
)

# %%
Part(
    "claims-imagenet",
    "Claims of section 4.1",
    claim_cards(judged["imagenet"]),
    intro="Each is judged on the setup closest to the paper, and on the last one that was run here.",
)

# %%
Part("claims", "Claims of section 4.2", [*claim_cards(judged["cifar"]), describe_rule()])

# %%
Part("claims-waiting", "Claims not tested", [list_waiting_claims()])
