"""Recount every number of the record from its tables: `python verify.py`, or `make verify`. It takes seconds.

A second opinion: Python 3.11 alone, no code of this project, written from docs/verify.md. It recounts the digests of
tables, recipes and weights, the cards (README.md) and summary.json of each study, and reports/claims.json. It ends with
how many numbers are confirmed, or names the first that differs by file, row and cell.
"""

import csv
import hashlib
import json
import math
import re
import sys
from functools import cache
from itertools import combinations, groupby
from pathlib import Path
from statistics import NormalDist, mean, stdev, variance

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
LEVEL, SEEDS = 0.025, 3  # one-sided; seeds that say something of their spread
HEADLINE = {"cifar": "single_view", "imagenet": "ten_crop", "localization": "oracle_centre", "rcnn": "oracle_centre"}
HEADLINE["detection"] = "voc_11_points"
DECIDED_BY_CHANCE = ("K03",)  # the claims about not learning
confirmed: list[str] = []


def check(where, printed, recounted):
    """Count a number as confirmed, or end with the difference."""
    numbers = {type(printed), type(recounted)} <= {int, float}
    if not (math.isclose(printed, recounted, rel_tol=1e-7, abs_tol=1e-9) if numbers else printed == recounted):
        sys.exit(f"{where}: printed {printed}, recounted {recounted}")
    confirmed.append(where)


@cache
def read(file):
    text = (ROOT / "results" / file).read_text("utf-8")
    return json.loads(text) if file.endswith(".json") else list(csv.DictReader(text.splitlines()))


def find(file, net, variant, **cells):
    """Rows of a net by seed."""
    cells |= {"net": net, "variant": variant}
    rows = [row for row in read(file) if all(row[key] == str(value) for key, value in cells.items())]
    return {seed: list(own) for seed, own in groupby(sorted(rows, key=seed_of), seed_of)}


def seed_of(row):
    return int(row["seed"])


def merge(base, more):
    return base | {key: merge(base.get(key, {}), v) if isinstance(v, dict) else v for key, v in more.items()}


def check_study(study):
    """The hashes of recipes, and the means of the card: a row for each net, protocol and metric, as in scores.csv."""
    for line, run in enumerate(read(f"{study}/runs.csv"), start=2):
        recipes, own = read(f"{study}/recipes.json"), {"net": run["net"], "seed": seed_of(run)}
        own |= {} if run["variant"] == "default" else {"variant": run["variant"]}
        recipe = json.dumps(merge(recipes["base"], recipes["runs"][run["recipe"]]) | own, sort_keys=True)
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        check(f"results/{study}/runs.csv, line {line}, recipe", run["recipe"], digest)
    groups = {}
    for row in read(f"{study}/scores.csv"):
        groups.setdefault((row["net"], row["variant"], row["protocol"], row["metric"]), []).append(row)
    errors = (ROOT / "results" / study / "README.md").read_text("utf-8").split("\n## ")[1]
    printed = [line.strip(" |").split(" | ")[-3:] for line in errors.splitlines() if line.startswith("| ")][1:]
    check(f"results/{study}/README.md, number of errors", len(printed), len(groups))
    for number, (cells, rows) in enumerate(zip(printed, groups.values(), strict=True), start=1):
        values = [float(row["value"]) for row in rows]
        spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
        recounted = f"{mean(values):.2f}{spread}", str(len(values)), f"{int(rows[0]['images']):,}"
        for name, *pair in zip(("%", "n", "images"), cells, recounted, strict=True):
            check(f"results/{study}/README.md, Errors, row {number}, {name}", *pair)


def check_summary(path):
    """Mean, n and standard deviation of the headline metric, and the two gaps between means."""
    task, file, means = path.parent.name, path.relative_to(ROOT), {}
    summary = json.loads(path.read_text("utf-8"))
    study = next(path.parent.glob("**/scores.csv")).parent.relative_to(ROOT / "results").as_posix()
    metric, n, std = next(iter(summary)), summary["n"], summary["std"]
    for name, printed in summary[metric].items():
        net, _, variant = name.partition("/")
        seeds = find(f"{study}/scores.csv", net, variant or "default", protocol=HEADLINE[task], metric=metric)
        values = [float(row["value"]) for (row,) in seeds.values()][: n[name]]  # of the runs of params.yaml
        means[name] = round(mean(values), 2)
        spread = round(stdev(values), 2) if len(values) > 1 else None
        for key, *pair in ((metric, printed, means[name]), ("n", n[name], len(values)), ("std", std.get(name), spread)):
            check(f"{file}, {key}.{name}", *pair)
    plain = sorted((int(name[6:]), value) for name, value in means.items() if re.fullmatch(r"plain-\d+", name))
    twins = [means[net] for d, _ in plain[-1:] for net in (f"resnet-{d}", f"resnet-{d}-A") if net in means]
    for key, other in (("degradation_gap", plain[0][1] if plain else 0), ("cure_gap", twins[0] if twins else 0)):
        if key in summary:
            check(f"{file}, {key}", summary[key], round(plain[-1][1] - other, 2))


def tail(score, freedom):
    """The probability that Student's t is above a score: its density integrated over atan(t), by Simpson's rule."""
    if math.isinf(score) or math.isinf(freedom):
        return math.erfc(score / math.sqrt(2)) / 2
    end, steps = math.atan(score / math.sqrt(freedom)), 1000
    heights = [math.cos(end * i / steps) ** (freedom - 1) for i in range(steps + 1)]
    area = (heights[0] + heights[-1] + 4 * sum(heights[1::2]) + 2 * sum(heights[2:-1:2])) * end / steps / 3
    return 0.5 - area * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)


def solve(falling, target):
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > target else (low, middle)
    return low


def recount_values(study, kind, net, variant, *more):
    """The values of a sample, by its source in claims.json; and the binomial variance of errors."""
    if kind == "difference":
        pairs = zip(more[::2], more[1::2], strict=True)
        first, second = (find(f"{study}/scores.csv", net, variant, protocol=p, metric=m) for p, m in pairs)
        return [float(first[seed][0]["value"]) - float(second[seed][0]["value"]) for seed in first], None
    if kind == "responses":
        seeds = find(f"{study}/responses.csv", net, variant).values()
        return [mean(float(row["value"]) for row in rows) for rows in seeds], None
    if kind == "below":
        seeds = find(f"{study}/curves.csv", net, variant, split="train", metric="error").values()
        below = [[int(row["iteration"]) for row in rows if float(row["value"]) < more[0]] for rows in seeds]
        return [min(iterations, default=more[1]) for iterations in below], None
    if kind.startswith("gradients"):
        ratios, choose = [], {"gradients first": min, "gradients last": max}[kind]
        for rows in find(f"{study}/gradients.csv", net, variant).values():
            at = choose(int(row["iteration"]) for row in rows)
            norms = [float(row["value"]) for row in rows if int(row["iteration"]) == at]
            ratios.append(mean(norms[: len(norms) // 3]) / mean(norms[-(len(norms) // 3) :]))
        return ratios, None
    tested = (
        {"protocol": more[0], "metric": more[1]} if kind == "scores" else {"protocol": HEADLINE[study.split("/")[1]]}
    )
    scores = find(f"{study}/scores.csv", net, variant, **tested)
    points = scores if kind == "scores" else find(f"{study}/curves.csv", net, variant, split="test", iteration=more[0])
    values, images = (
        [float(rows[0]["value"]) for rows in points.values()],
        int(next(iter(scores.values()))[0]["images"]),
    )
    share = min(max(mean(values), 100 / images), 100 - 100 / images)
    return values, share * (100 - share) / images


def recount_sample(claim, sample, where):
    """Signed values; the variance of one; a published spread; and whether rule 1 or 5 keeps it from deciding."""
    values, least, published, source = (
        sample[key] for key in ("values", "least_variance", "published_spread", "source")
    )
    if source:
        recounted, binomial = recount_values(claim["study"], *source)
        check(f"{where}, {source}, number of values", len(values), len(recounted))
        for pair in zip(values, recounted, strict=True):
            check(f"{where}, {source}, value", *pair)
        if binomial is not None:
            check(f"{where}, {source}, least_variance", least, binomial)
        if source[0] not in ("difference", "below"):
            runs = [row for row in read(f"{claim['study']}/runs.csv") if row["variant"] == source[2]]
            chance = any(row["status"] == "chance" for row in runs if row["net"] in source[1].split(" + "))
            check(f"{where}, {source}, learned", sample["learned"], claim["claim"] in DECIDED_BY_CHANCE or not chance)
    own = variance(values) if len(values) >= SEEDS else published[0] if published else math.nan
    state = "single seed" if math.isnan(own) else "tested" if sample["learned"] else "chance"
    return [sample["sign"] * value for value in values], max(own, least), published, state


def weigh(test, samples):
    """Value, interval, score in standard errors on the claim's side, and degrees of freedom."""
    name, weights, *limits = test
    groups = [values for values, *_ in samples]
    if name == "trend":
        return weigh_trend(groups)
    if name == "spread":
        return weigh_spread(groups[0], *limits)
    value = sum(weight * mean(values) for weight, values in zip(weights, groups, strict=True))
    parts = [(w**2 * var / len(x), len(x) - 1, p) for w, (x, var, p, _) in zip(weights, samples, strict=True)]
    few = [(part, published[1] if published else math.nan) for part, n, published in parts if n + 1 < SEEDS]
    many = [(part, n) for part, n, _ in parts if n + 1 >= SEEDS]
    many += [(sum(part for part, _ in few), few[0][1])] if few else []  # they share one estimate
    total = sum(part for part, _ in many)
    error, freedom = math.sqrt(total), total**2 / sum(part**2 / n for part, n in many)
    half = math.nan if math.isnan(error) else solve(lambda t: tail(t, freedom), LEVEL) * error
    side = {"below": limits[0] - value, "alike": limits[0] - abs(value)}.get(name, value - limits[0])
    return value, value - half, value + half, side / error, freedom


def weigh_trend(groups):
    """Jonckheere and Terpstra: Kendall's S and its variance with ties, corrected for continuity."""
    values = [(place, value) for place, group in enumerate(groups) for value in group]
    signs = [(a > b) - (a < b) for (p, a), (q, b) in combinations(values, 2) if p < q]
    n, s, sizes = len(values), sum(signs), [len(group) for group in groups]
    ties = [sum(value == other for _, other in values) for value in {value for _, value in values}]
    (u2, u3), (t2, t3) = ([sum(math.perm(x, k) for x in counts) for k in (2, 3)] for counts in (sizes, ties))
    spent = sum(x * (x - 1) * (2 * x + 5) for x in (*sizes, *ties))
    var = (
        (n * (n - 1) * (2 * n + 5) - spent) / 18 + u2 * t2 / (2 * n * (n - 1)) + u3 * t3 / (9 * max(math.perm(n, 3), 1))
    )
    score = math.copysign(max(abs(s) - 1, 0), s) / math.sqrt(max(var, 1))
    return (s / len(signs) + 1) / 2, math.nan, math.nan, score, math.inf


def weigh_spread(values, low, high):
    """Two one-sided chi-square tests of a standard deviation; the density's series for whole degrees of freedom."""
    if len(values) < SEEDS:
        return (math.nan,) * 5
    k, squares = len(values) - 1, (len(values) - 1) * variance(values)

    def above(x):
        powers = (k % 2 / 2 + i for i in range(k // 2))
        series = sum(math.exp(-x / 2 + j * math.log(x / 2) - math.lgamma(j + 1)) for j in powers) if x else 1
        return series + (math.erfc(math.sqrt(x / 2)) if k % 2 else 0)

    p = min(max(above(squares / low**2), 1 - above(squares / high**2), 1e-300), 1 - 1e-16)
    low_end, high_end = (math.sqrt(squares / solve(above, level)) for level in (LEVEL, 1 - LEVEL))
    return stdev(values), low_end, high_end, -NormalDist().inv_cdf(p), math.inf


def judge(evidence, must):
    """The verdict, and the outcome of each inequality; its evidence is (n, state, score, freedom), or None."""
    if not any(evidence):
        return "not tested", ["not tested"] * len(evidence)
    outcomes = ["not tested" if one is None else one[1] for one in evidence]
    tested = [i for i, one in enumerate(evidence) if one and one[1] == "tested"]
    p = {i: tail(-evidence[i][2], evidence[i][3]) if i in tested else 1 for i, one in enumerate(evidence) if one}
    measured, corrected = sorted((i for i in p if evidence[i][0]), key=p.get), dict(p)
    for rank, i in enumerate(measured):  # Holm's correction
        corrected[i] = max([p[i] * (len(measured) - rank), *(corrected[j] for j in measured[:rank])])
    for i in tested:
        holds = "supported" if tail(*evidence[i][2:]) < LEVEL else "inconclusive"
        outcomes[i] = "contradicted" if corrected[i] < LEVEL else holds
    enough = [o == "supported" or (o == "inconclusive" and not need) for o, need in zip(outcomes, must, strict=True)]
    if "contradicted" in outcomes or all(enough):
        return "contradicted" if "contradicted" in outcomes else "supported", outcomes
    if not measured:  # what was counted alone does not test it
        return "not tested", outcomes
    return "single seed" if "single seed" in outcomes else "inconclusive", outcomes


def check_claim(claim):
    """Values, difference, interval and n of each comparison, its outcome, and the verdict."""
    evidence, place = [], f"reports/claims.json, {claim['claim']} of {claim['study']}"
    for number, comparison in enumerate(claim["comparisons"], start=1):
        where, test = f"{place}, comparison {number}", comparison.get("test")
        if test and test[0] != "counted":
            samples = [recount_sample(claim, sample, where) for sample in comparison["samples"]]
            states, n = [state for *_, state in samples], min(len(values) for values, *_ in samples)
            state = next((s for s in ("single seed", "chance") if s in states), "tested")
            *numbers, score, freedom = weigh(test, samples)
            for key, recounted in zip(("n", "value", "low", "high"), (n, *numbers), strict=True):
                check(f"{where}, {key}", comparison[key], None if math.isnan(recounted) else recounted)
            evidence.append((n, state, score, freedom))
        else:  # "counted" on built nets: an input
            evidence.append(test and (0, "tested", math.inf if test[1] else -math.inf, math.inf))
    parts = [comparison["part"] for comparison in claim["comparisons"]]
    deciding = [i for i, part in enumerate(parts) if part != "aside"]
    verdict, outcomes = judge([evidence[i] for i in deciding], [parts[i] == "must" for i in deciding])
    recounted = {i: judge([one], [True])[1][0] for i, one in enumerate(evidence) if one}  # an aside, by itself
    recounted |= dict(zip(deciding, outcomes, strict=True))
    for i, outcome in recounted.items():
        check(f"{place}, comparison {i + 1}, outcome", claim["comparisons"][i]["outcome"], outcome)
    check(f"{place}, verdict", claim["verdict"], verdict)


def check_counts(printed):
    """How many of the paper's claims have each verdict, by the data of the setup that counts."""
    every = set(re.findall(r"\bid: (K\d\d)\b", (ROOT / "src/replication/paper/paper.yaml").read_text("utf-8")))
    by_tests = [(c, {x.get("test", [None])[0] for x in c["comparisons"]}) for c in printed["claims"]]
    arithmetic = {c["claim"] for c, tests in by_tests if c["verdict"] == "supported" and tests == {"counted"}}
    for group in ("own_data", "smoke_test", "proxy"):
        verdicts = [c["verdict"].replace(" ", "_") for c in printed["claims"] if c["counted_in"] == group]
        silent = len(every) - len(arithmetic) - len(verdicts)
        for kind, n in printed[group].items():
            recounted = {"confirmed": len(arithmetic), "not_tested": silent}.get(kind, verdicts.count(kind))
            check(f"reports/claims.json, {group}.{kind}", n, recounted)


def check_digest(path, printed):
    check(f"{path.relative_to(ROOT)}, sha256", printed, hashlib.sha256(path.read_bytes()).hexdigest())


def main():
    claims = json.loads((ROOT / "reports/claims.json").read_text("utf-8"))
    for table in claims["tables"]:
        check_digest(ROOT / "results" / table["file"], table["sha256"])
    for line in (ROOT / "weights/SHA256SUMS").read_text("utf-8").splitlines():
        check_digest(ROOT / "weights" / line.split()[1], line.split()[0])
    for path in sorted((ROOT / "results").glob("**/runs.csv")):
        check_study(path.parent.relative_to(ROOT / "results").as_posix())
    for path in sorted((ROOT / "results").glob("*/*/summary.json")):
        check_summary(path)
    for claim in claims["claims"]:
        check_claim(claim)
    check_counts(claims)
    print(f"{len(confirmed):,} of {len(confirmed):,} numbers confirmed")


if __name__ == "__main__":
    try:
        main()
    except (OSError, KeyError, ValueError, StopIteration) as error:  # a file or an entry is missing
        sys.exit(f"after {confirmed[-1] if confirmed else 'nothing'}: the record cannot be read: {error!r}")
