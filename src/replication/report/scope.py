"""What reproducibility reports begin with: scope, what was easy, what was difficult; counted, not remembered."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from replication.claims import WAITING, judge_claims
from replication.paper import table
from replication.profiles import named
from replication.report.html import duration, render, runs_id, study_header
from replication.report.tables import in_words
from replication.study.cost import GPU_FLOP_PER_SECOND, gpu_hours
from replication.study.studies import Study

OPEN = "not said"  # as the description of a field of the recipe has it
SHORT = 1.0  # hours: what took less is told among what was easy


def scope(arms: Sequence[Sequence[Study]]) -> str:
    """Claims, runs and hours of each study; below, what the paper says and what it leaves open, and what was missing.

    Args:
        arms: the studies shown of each arm.
    """
    shown = [study for studies in arms for study in studies]
    counted = {t.test.claim.id: t.verdict for study in shown for t in judge_claims(study) if t.test.counted}
    nets = {row["net"] for number in (2, 3) for row in table(number) if row["net"] and row["kind"] == "own"}
    return render(
        "scope.html",
        rows=[_row(study) for study in shown],
        hours=duration(sum(_hours(study) for study in shown)),
        counted=len(counted),
        hold=list(counted.values()).count("supported"),
        short=[study_header(study) | _row(study) for study in shown if _hours(study) < SHORT],
        arms=[_of_arm(studies) for studies in arms if studies],
        waiting=len(WAITING),
        chance=[name for study in shown for name in _chance(study)],
        nets=len(nets),
        gpu=f"{sum(map(gpu_hours, nets)):,.0f}",
        teraflops=GPU_FLOP_PER_SECOND / 1e12,
    )


def settings(recipe: BaseModel) -> Iterator[tuple[str, str, object]]:
    """The fields of a recipe: in words, where the paper speaks of it or "not said", and the value."""
    for key, field in type(recipe).model_fields.items():
        value = getattr(recipe, key)
        if isinstance(value, BaseModel):
            yield from settings(value)
        elif field.description:
            what, _, section = field.description.partition(" · ")
            yield what, section, value


def _row(study: Study) -> dict[str, object]:
    """What of a study is counted."""
    tests = [tested for tested in judge_claims(study) if not tested.test.counted]
    seeds = study.default.groupby("net").size()
    return study_header(study) | {
        "tests": len(tests),
        "tested": sum(tested.verdict != "not tested" for tested in tests),
        "nets": len(study.nets),
        "seeds": " to ".join(map(str, sorted({seeds.min(), seeds.max()}))),
        "runs": len(study.runs),
        "hours": duration(_hours(study)),
        "machine": "; ".join(study.runs["machine"].unique()),
        "first": runs_id(study, named(*study.default.iloc[0][["net", "variant"]])),
    }


def _hours(study: Study) -> float:
    return study.runs["seconds"].sum() / 3600


def _chance(study: Study) -> list[str]:
    """Nets of which a run ended no better than chance."""
    unlearnt = study.runs.loc[study.runs["status"] == "chance", ["net", "variant"]].drop_duplicates()
    return [f"{named(*of)} ({study.name})" for of in unlearnt.itertuples(index=False)]


def _of_arm(studies: Sequence[Study]) -> dict[str, object]:
    """What the paper says of an arm's recipe, and by which variants what it leaves open can be asked."""
    nearest = studies[0]
    found = list(settings(nearest.paper_recipe))
    asked = [name for name, of in nearest.paper.variants(nearest.arm).items() if "section" not in of]
    run = {variant for study in studies for variant in study.runs["variant"]}
    return {
        "section": nearest.arm.section,
        "taken_over": nearest.arm.starts_from is not None,  # its recipe, from the sections before, where C is silent
        "all": len(found),
        "open": [(what, in_words(what, value)) for what, section, value in found if section == OPEN],
        "asked": len(asked),
        "run": len(run.intersection(asked)),
    }
