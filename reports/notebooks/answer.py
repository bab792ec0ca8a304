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

from IPython.display import HTML

from replication import report
from replication.config.profiles import read_profile
from replication.results.studies import read_studies
from replication.tasks import TASKS

paper = read_profile(Path(profiles), "paper")
studies = {name: read_studies(Path(results), TASKS[name], paper) for name in ("cifar", "imagenet")}
cifar, imagenet = (report.shown(studies[name], profile) for name in ("cifar", "imagenet"))
studies |= {name: read_studies(Path(results), TASKS[name], paper, needed=False) for name in ("localization", "rcnn")}
localization, rcnn = (report.shown(studies[name], profile) for name in ("localization", "rcnn"))
judged = {name: report.with_cards(of_task, profile) for name, of_task in studies.items()}

# %% [markdown]
# <h2 id="comparisons" data-part="Claims">All comparisons</h2>
#
# Each measured difference in error that a verdict rests on. Right of zero agrees with the paper. Symlog axis, linear
# within ±2 points.

# %%
HTML(
    f'<figure class="wide tall" tabindex="0">{report.forest([study for of_task in judged.values() for study in of_task])}</figure>'
)

# %% [markdown]
# <h2 id="claims-imagenet">Claims of section 4.1</h2>
#
# Each is judged on the setup closest to the paper, and on the last one that was run here.

# %%
HTML(report.claim_cards(judged["imagenet"]))

# %% [markdown]
# <h2 id="claims">Claims of section 4.2</h2>

# %%
HTML(report.claim_cards(judged["cifar"]))

# %%
HTML(report.verdict_rule())

# %% [markdown]
# <h2 id="claims-waiting">Claims not tested</h2>

# %%
HTML(report.waiting_claims())
