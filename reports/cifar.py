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

studies = read_studies(Path(results), "cifar")

# %% [markdown]
# <h2 id="table-6">Table 6 · Test error on CIFAR-10</h2>

# %%
HTML(report.table_6(studies, profile))

# %% [markdown]
# <h2 id="figure-1">Figure 1 · Degradation of plain nets</h2>
#
# Left the paper, digitised from its figure; right the runs made here, on the same axes. Dashed: training error. Solid: test
# error. Dotted lines mark the drops of the learning rate.

# %%
HTML(report.figure_1(studies, profile))

# %% [markdown]
# <h2 id="figure-6">Figure 6 · Plain and residual nets</h2>
#
# One colour a depth, the same in every figure.

# %%
HTML(report.figure_6(studies, profile))
