# %%
from replication.report.html import render_notes
from replication.report.localization import box_examples, table_13, table_14

make_part(
    [*table_13(localization, rcnn), *box_examples(localization, Path(results)), render_notes("photographs")],
    intro="Appendix C: a net of Table 1 that puts a box around the object, whose class is given or guessed.",
    group="Localization",
)

# %%
make_part([table_14(localization, rcnn)])

# %%
Part(
    "claims-localization",
    "The claim of appendix C",
    [*claim_cards(judged["localization"]), *claim_cards(judged["rcnn"])],
)
