# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% tags=["parameters"]
results = "results"  # folder of the studies
profile = "quick"  # the study that was run last

# %%
from pathlib import Path

from IPython.display import HTML

from replication import report
from replication.study.results import read_studies

cifar, imagenet = (read_studies(Path(results), arm) for arm in ("cifar", "imagenet"))

# %%
HTML(report.provenance_strip([imagenet, cifar], profile))

# %% [markdown]
# <h2 id="answer">In short</h2>

# %%
HTML(f'<figure class="wide">{report.depth_figure(cifar[0])}</figure>')

# %%
HTML("".join(report.headline(study) for study in report.shown(cifar, profile)))

# %%
HTML(f'<figure class="wide">{report.depth_figure(imagenet[0])}</figure>')

# %%
HTML("".join(report.headline(study) for study in report.shown(imagenet, profile)))

# %% [markdown]
# <h2 id="claims-imagenet">Claims of section 4.1</h2>
#
# Each is tested on the study that is nearest to the paper, and on the last one that was run here.

# %%
HTML(report.claim_cards(imagenet, profile))

# %% [markdown]
# <h2 id="claims">Claims of section 4.2</h2>

# %%
HTML(report.claim_cards(cifar, profile))
