"""What things cost is said once, in README or docs/machines.md: what committed runs took and built nets count."""

import re

import pandas as pd
import pytest
from checkout import PROJECT, committed_results
from made_up import recipe_of

from pipeline.params import profile_of, read_params
from pipeline.plan import runs_of
from replication.cost import GPU_FLOP_PER_SECOND, gb_kept, gb_prepared, gpu_hours, memory, training_flop
from replication.data.sources import DATASETS
from replication.paper import table
from replication.tasks import TASKS

README = "".join((PROJECT / name).read_text() for name in ("README.md", "docs/machines.md"))


def committed(pattern: str) -> pd.DataFrame:
    return pd.concat([pd.read_csv(file) for file in sorted(committed_results().glob(f"{pattern}/runs.csv"))])


@pytest.mark.parametrize(
    ("pattern", "row"),
    [
        ("quick/*", r"`quick` \| all"),
        ("cpu/cifar", r"`cpu` \| `cifar`"),
        ("cpu/imagenet/precision=*", r"\| \| `imagenet` \| section 4\.1 at a quarter"),
        ("cpu/localization/precision=*", r"\| \| `localization` \| appendix C at a quarter"),
    ],
)
def test_the_readme_has_the_training_time_of_the_committed_runs(pattern: str, row: str) -> None:
    """Of what params.yaml lists: no variants."""
    runs = committed(pattern)
    runs = runs[runs["variant"] == "default"]
    said = re.search(rf"{row}.*\| (\d+) minutes, (\d+) runs?", README)
    assert (int(said[1]), int(said[2])) == (round(runs["seconds"].sum() / 60), len(runs))


def test_the_readme_has_the_gpu_hours_of_the_built_nets() -> None:
    nets = ("resnet-18-A", "resnet-34-A", "resnet-50", "resnet-101", "resnet-152")
    hours = [f"{gpu_hours(net):.0f}" for net in nets]
    assert re.search(r"\b{} GPU hours.*\b{}\b.*\b{}\b.*\b{}\b.*\b{}\b".format(*hours), README)


def test_the_readme_has_what_the_shipped_lists_take_by_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPU hours, memory and disk, as `make plan` counts them."""
    monkeypatch.chdir(PROJECT)
    params = read_params()

    def told(profile: str, *tasks: str) -> tuple[str, str, str]:
        profile_params = params.model_copy(update={"profile": profile})
        hours, most, disk = 0.0, 0.0, 0.0
        for task in map(TASKS.__getitem__, tasks):
            chosen, section = profile_of(profile_params), params.section(task)
            of = [chosen.recipe(task, run.net, run.variant, run.seed) for run in runs_of(profile_params, task)]
            data = DATASETS[chosen.dataset(task)]
            hours += sum(training_flop(recipe, data.classes) for recipe in of) / GPU_FLOP_PER_SECOND / 3600
            most = max(most, *(memory(recipe, data.classes) for recipe in of))
            disk += sum(gb_kept(recipe, data) for recipe in of) + gb_prepared(of[0], data)
            assert not section.override, "the table is of the lists as shipped"
        return f"{hours:.1f} GPU h" if hours < 10 else f"{hours:.0f} GPU h", f"{most:.1f} GiB", f"{disk:.1f} GB"

    rows = dict(re.findall(r"^\| ((?:2 cores|a laptop|8 GPUs)[^|]*) \| (.*)$", README, re.MULTILINE))
    quick, cpu, laptop, cluster = rows.values()
    both = ("cifar", "imagenet")
    for row, counted in (
        (quick, told("quick", *both)[1:]),
        (cpu, told("cpu", *both)[1:]),
        (laptop, told("paper", "cifar")),
        (cluster, told("paper", *both)),
    ):
        assert all(number in row for number in counted), (row, counted)


def test_the_errors_that_the_papers_profile_tells_to_expect_are_the_papers() -> None:
    head = (PROJECT / "pipeline/profiles/paper.yaml").read_text().partition("\n\n")[0]
    table_6 = {row["net"]: row["error"] for row in table(6) if row["net"]}
    table_2 = {row["net"]: row["top1"] for row in table(2)}
    expected = [[table_6[f"resnet-{depth}"] for depth in (20, 32, 44, 56)]]
    expected += [[table_2[net] for net in nets] for nets in (("plain-18", "plain-34"), ("resnet-18-A", "resnet-34-A"))]
    for errors in expected:
        assert " / ".join(f"{error:.2f}" for error in errors) + " %" in " ".join(head.replace("#", "").split())


def test_no_other_file_has_a_cost_of_its_own() -> None:
    """A time of training in a second place would be another number before long."""
    for file in [*(PROJECT / "pipeline/profiles").glob("*.yaml"), PROJECT / "params.yaml"]:
        assert not re.search(r"\d+ (GPU )?(hours|minutes|seconds)", file.read_text()), file


def test_the_memory_of_a_training_grows_with_its_maps_unless_blocks_are_run_again() -> None:
    """As measured: resnet-1202 keeps the maps of one stage of its blocks, not of all of them."""
    needed = {net: memory(recipe_of(net=net), 10) for net in ("resnet-20", "resnet-110", "resnet-1202")}
    assert needed["resnet-20"] < needed["resnet-110"] / 4
    assert needed["resnet-1202"] < 2 * needed["resnet-110"]


def test_what_a_training_costs_is_counted_on_the_net_of_its_blocks() -> None:
    usual, bottleneck = (training_flop(recipe_of(net="plain-56", block=b), 10) for b in ("two_layers", "bottleneck"))
    assert 0 < bottleneck != usual
