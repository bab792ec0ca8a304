# %%
from markupsafe import Markup

from replication.report.benchmarks import benchmark_parts
from replication.report.record import differences_table, list_other_studies, list_provenance, runs_table, study_part

Part(
    "differences",
    "What differs from the paper",
    [study_part(study, differences_table(study)) for study in (*imagenet, *cifar, *localization, *rcnn, *detection)],
    intro=Markup(
        "Generated from the configs: each run's recipe is compared with <code>pipeline/profiles/paper.yaml</code>. "
        "“not said”: the paper leaves this open; “paper” is then our reading. Measured effect: error with the difference − "
        "error without it, points, with its 95 % interval, where a variant differs in it from the profile. A variant that "
        "differs in several ways shows the effect of all of them together."
    ),
    group="Record",
)

# %%
Part(
    "runs",
    "Runs and cost",
    [
        list_provenance([imagenet, cifar, localization, rcnn, detection]),
        *(
            study_part(study, runs_table(study))
            for name in ("imagenet", "cifar", "localization", "rcnn", "detection")
            for study in judged[name]
        ),
        *benchmark_parts(Path(benchmarks)),
        *(list_other_studies(studies[name], judged[name]) for name in ("imagenet", "cifar")),
    ],
)

# %%
Part("redo", "Reproduce", [
    Markup(
        "<pre><code>"
        "make repro                                  # this page from nothing, on a laptop, in minutes\n"
        "dvc exp run -S depth=110                    # one more net\n"
        "dvc exp run -S profile=cpu -S 'imagenet.nets=[]'     # section 4.2 on CIFAR-10, a sixteenth of the schedule\n"
        "dvc exp run -S profile=paper -S 'imagenet.nets=[]'   # section 4.2 as it stands\n"
        "</code></pre>\n"
        "<p>Every number above is in <code>results/&lt;profile&gt;/&lt;task&gt;/</code>: <code>scores.csv</code>, "
        "<code>curves.csv</code>, <code>runs.csv</code> and <code>recipes.json</code>; every run carries its recipe, the "
        "fingerprint of its data, its commit and its machine.</p>"
    )
])  # fmt: skip
