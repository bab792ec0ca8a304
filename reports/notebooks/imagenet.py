# %%
from replication.report.architecture import figure_3
from replication.report.blocks import figure_2, figure_5
from replication.report.figures import figure_4
from replication.report.imagenet import table_1, table_2, table_3, table_4, table_5
from replication.report.part import make_part

make_part([figure_2()], group="ImageNet")

# %%
make_part([table_1()])

# %%
make_part(
    [figure_3()],
    intro="Read from the built nets. Numbers at the right of a layer are multiply-adds; arcs are shortcuts, dotted where "
    "the dimension rises. Global average pooling stands between the last maps and the fc layer, and is not drawn.",
)

# %%
make_part(
    [table_2(imagenet)],
    intro="Top-1 error by the 10-crop test. The residual nets have shortcut option A: the same parameters as the plain "
    "ones.",
)

# %%
make_part(
    [figure_4(imagenet)],
    intro="The paper's curves, digitised from its figure, are dotted where ours lie over them, at the same share of the "
    "schedule. Dashed: training error. Solid: validation error of centre crops. Vertical lines: learning-rate decay.",
)

# %%
make_part([figure_5()], intro="Drawn from the built blocks, and counted on them.")

# %%
make_part([table_3(imagenet)], intro="By the 10-crop test.")

# %%
make_part([table_4(imagenet)], intro="Fully convolutional, scores averaged over five scales.")

# %%
make_part(
    [table_5(imagenet)],
    intro="The paper's were scored on the closed test server; what was run here, on validation images. Its own is of six "
    "models, two of them of 152 layers. It does not name the others, so no command can fill that row.",
)
