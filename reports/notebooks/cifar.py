# %% [markdown]
# <h2 id="table-6" data-part="CIFAR-10">Table 6 · Test error on CIFAR-10</h2>

# %%
HTML(report.table_6(cifar, Path(benchmarks)))

# %% [markdown]
# <h2 id="others">Other replications</h2>

# %%
HTML(report.others_table(cifar))

# %% [markdown]
# <h2 id="figure-1">Figure 1 · Degradation of plain nets</h2>
#
# The paper's curves, digitised from its figure, are dotted where ours lie over them, at the same share of the schedule.
# Dashed: training error. Solid: test error. Vertical lines: learning-rate decay.

# %%
HTML(report.figure_1(cifar))

# %% [markdown]
# <h2 id="figure-6">Figure 6 · Plain and residual nets</h2>
#
# A colour and a mark a depth, the same in figures 1, 4 and 6; hollow: plain nets.

# %%
HTML(report.figure_6(cifar))

# %% [markdown]
# <h2 id="figure-7">Figure 7 · Responses of the layers</h2>

# %%
HTML(report.figure_7(cifar))
