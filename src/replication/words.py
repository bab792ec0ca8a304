"""Values in words: durations, means, signs and settings, as the page and the commands print them."""

from collections.abc import Mapping, Sequence


def format_duration(seconds: float) -> str:
    """A duration in one unit: "40 s", "12 min", "3.6 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.{0 if seconds > 360_000 else 1}f} h"


def format_mean(mean: float, std: float | None = None) -> str:
    """A mean with its standard deviation, where there is one: "8.90 ± 0.10"."""
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def format_points(value: float, sign: str = "+") -> str:
    """Points of error with one decimal and a true minus: "+1.8", "−8.6"; without a plus if `sign` is empty."""
    return f"{value:{sign}.1f}".replace("-", "−")


def format_setting(value: object) -> str:
    """The value of a setting: "yes", "none", "64,000", "0.1", "32,000, 48,000"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(format_setting, value)) or "none"
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
