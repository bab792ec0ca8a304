# %% [markdown]
# <h2 id="table-13" data-part="Localization">Table 13 · Where the object is</h2>
#
# Appendix C: a net of Table 1 that puts a box around the object, whose class is given or guessed.

# %%
HTML(report.table_13(localization, rcnn))

# %%
HTML(report.box_examples(localization, Path(results)))

# %% [markdown]
# <h2 id="table-14">Table 14 · Localization against earlier winners</h2>

# %%
HTML(report.table_14(localization, rcnn))

# %% [markdown]
# <h2 id="claims-localization">The claim of appendix C</h2>

# %%
HTML("".join(report.claim_cards(judged[task]) for task in ("localization", "rcnn") if judged[task]))
