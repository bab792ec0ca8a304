# %% [markdown]
# <h2 id="figure-2" data-part="ImageNet">Figure 2 · A residual block</h2>

# %%
HTML(f'<figure class="small">{report.figure_2()}</figure>')

# %% [markdown]
# <h2 id="table-1">Table 1 · The ImageNet nets</h2>

# %%
HTML(report.table_1())

# %% [markdown]
# <h2 id="figure-3">Figure 3 · VGG-19, plain and residual</h2>
#
# Read from the built nets. Numbers at the right of a layer are multiply-adds; arcs are shortcuts, dotted where the dimension
# rises. Global average pooling stands between the last maps and the fc layer, and is not drawn.

# %%
HTML(f'<figure class="wide tall">{report.figure_3()}</figure>')

# %% [markdown]
# <h2 id="table-2">Table 2 · Plain against residual</h2>
#
# Top-1 error by the 10-crop test. The residual nets have shortcut option A: the same parameters as the plain ones.

# %%
HTML(report.table_2(imagenet))

# %% [markdown]
# <h2 id="figure-4">Figure 4 · Training of 18 and 34 layers</h2>
#
# The paper's curves, digitised from its figure, are dotted where ours lie over them, at the same share of the schedule.
# Dashed: training error. Solid: validation error of centre crops. Vertical lines: learning-rate decay.

# %%
HTML(report.figure_4(imagenet))

# %% [markdown]
# <h2 id="figure-5">Figure 5 · Two blocks that cost alike</h2>
#
# Drawn from the built blocks, and counted on them.

# %%
HTML(f'<figure class="small">{report.figure_5()}</figure>')

# %% [markdown]
# <h2 id="table-3">Table 3 · Shortcut options and deeper nets</h2>
#
# By the 10-crop test.

# %%
HTML(report.table_3(imagenet))

# %% [markdown]
# <h2 id="table-4">Table 4 · Single models, multi-scale</h2>
#
# Fully convolutional, scores averaged over five scales.

# %%
HTML(report.table_4(imagenet))

# %% [markdown]
# <h2 id="table-5">Table 5 · Ensembles</h2>
#
# The paper's were scored on the closed test server; what was run here, on validation images. Its own is of six models, two
# of them of 152 layers; it does not name the others, so no command can fill that row.

# %%
HTML(report.table_5(imagenet))
