"""What the paper's own ImageNet trainings would cost, as the README and the page say."""

from checkout import PROJECT

from replication.study.cost import gpu_hours


def test_the_readme_has_the_estimates_of_the_built_nets() -> None:
    nets = ("resnet-18-A", "resnet-34-A", "resnet-50", "resnet-101", "resnet-152")
    hours = [f"{gpu_hours(net):.0f}" for net in nets]
    said = "about {} GPU hours for 18 layers, {} for 34, {}, {} and {} for 50, 101 and 152.".format(*hours)
    assert said in (PROJECT / "README.md").read_text()
