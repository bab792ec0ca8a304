# %% [markdown]
# <h2 id="differences" data-part="Record">What differs from the paper</h2>
#
# Generated from the configs: each run's recipe is compared with `pipeline/profiles/paper.yaml`.

# %%
HTML(report.differences_table(imagenet) + report.differences_table(cifar) + report.differences_table(localization))

# %% [markdown]
# <h2 id="runs">Runs and cost</h2>

# %%
HTML(report.provenance_strip([of for of in (imagenet, cifar, localization) if of]))

# %%
HTML("".join(report.runs_table(judged[name]) for name in ("imagenet", "cifar", "localization")))

# %%
HTML(report.benchmarks_part(Path(benchmarks)))

# %%
HTML("".join(report.other_studies(studies[name], judged[name]) for name in ("imagenet", "cifar")))

# %% [markdown]
# <h2 id="redo">Reproduce</h2>
#
# ```
# make repro                                  # this page from nothing, on a laptop, in minutes
# dvc exp run -S depth=110                    # one more net
# dvc exp run -S profile=cpu -S 'imagenet.nets=[]'     # section 4.2 on CIFAR-10, a sixteenth of the schedule
# dvc exp run -S profile=paper -S 'imagenet.nets=[]'   # section 4.2 as it stands
# ```
#
# Every number above is in `results/<profile>/<task>/`: `scores.csv`, `curves.csv`, `runs.csv` and `recipes.json`;
# every run carries its recipe, the fingerprint of its data, its commit and its machine.
