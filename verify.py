"""Recount every number of the record from its tables: `python verify.py`, or `make verify`. It takes seconds.

A second opinion: Python 3.11 alone, no code of this project, written from docs/verify.md. It recounts the digests of
tables, recipes and weights, the cards and summaries of results/, reports/claims.json and the page. It ends with how
many numbers are confirmed, or names the first that differs by file, row and cell.
"""

import csv
import hashlib
import html
import json
import math
import re
import sys
from functools import cache
from itertools import combinations, groupby
from pathlib import Path
from statistics import NormalDist, mean, stdev, variance

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
LEVEL, SEEDS, OUTSIDE = 0.025, 3, 0.01  # one-sided; seeds that say something of their spread; p of a rerun
HEADLINE = {"cifar": ("single_view", "top1_error"), "imagenet": ("ten_crop", "top1_error")}
HEADLINE |= {"localization": ("oracle_centre", "per_class_rpn_error"), "rcnn": ("oracle_centre", "rcnn_error")}
HEADLINE |= {"detection": ("voc_11_points", "map_error")}
DECIDED_BY_CHANCE = ("K03",)  # the claims about not learning
confirmed: list[str] = []


def check(where, printed, recounted, slack=1e-9):
    """Count a number or a word as confirmed, or end with the difference."""
    numbers = {type(printed), type(recounted)} <= {int, float}
    if not (math.isclose(printed, recounted, rel_tol=1e-7, abs_tol=slack) if numbers else printed == recounted):
        sys.exit(f"{where}: printed {printed}, recounted {recounted}")
    confirmed.append(where)


def check_text(where, text, *recounted):
    """Check all numbers that a text prints, each to its last digit."""
    texts = re.findall(r"[+-]?\d+(?:\.\d+)?", text.replace("−", "-").replace(",", ""))
    if len(texts) != len(recounted):
        sys.exit(f"{where}: printed {text}, recounted {recounted}")
    for one, number in zip(texts, recounted, strict=True):
        check(where, float(one), number, 0.5 * 10.0 ** -len(one.partition(".")[2]) + 1e-9)


@cache
def read(file):
    text = (ROOT / "results" / file).read_text("utf-8")
    return json.loads(text) if file.endswith(".json") else list(csv.DictReader(text.splitlines()))


def find(file, **cells):
    return [row for row in read(file) if all(row[key] == str(value) for key, value in cells.items())]


def find_values(study, net, variant, protocol, metric, seed=None):
    """The values of all seeds, or of one."""
    rows = find(f"{study}/scores.csv", net=net, variant=variant, protocol=protocol, metric=metric)
    return [float(row["value"]) for row in rows if seed in (None, row["seed"])]


def split_name(name):
    net, _, variant = name.partition("/")
    return net, variant or "default"


def merge(base, more):
    return base | {key: merge(base.get(key, {}), v) if isinstance(v, dict) else v for key, v in more.items()}


def check_study(study):
    """The hashes of recipes, and the means of the card: a row for each net, protocol and metric, as in scores.csv."""
    recipes, groups = read(f"{study}/recipes.json"), {}
    for line, run in enumerate(read(f"{study}/runs.csv"), start=2):
        own = {"net": run["net"], "seed": int(run["seed"])}
        own |= {} if run["variant"] == "default" else {"variant": run["variant"]}
        recipe = json.dumps(merge(recipes["base"], recipes["runs"][run["recipe"]]) | own, sort_keys=True)
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        check(f"results/{study}/runs.csv, line {line}, recipe", run["recipe"], digest)
    for row in read(f"{study}/scores.csv"):
        groups.setdefault((row["net"], row["variant"], row["protocol"], row["metric"]), []).append(row)
    card = (ROOT / "results" / study / "README.md").read_text("utf-8")
    head, errors = card.split("\n---\n")[0], card.split("\n## ")[1]
    index = zip(re.findall(r"^- name: (.+)$", head, re.M), re.findall(r"^ +value: (.+)$", head, re.M), strict=True)
    for name, value in index:
        values = find_values(study, *split_name(name), *HEADLINE[study.split("/")[1]])
        check(f"results/{study}/README.md, model-index, {name}", float(value), mean(values), 0.005 + 1e-9)
    printed = [line.split(" | ", 3)[3] for line in errors.splitlines() if line.startswith("| ")][1:]
    check(f"results/{study}/README.md, number of errors", len(printed), len(groups))
    for number, (cells, rows) in enumerate(zip(printed, groups.values(), strict=True), start=1):
        values = [float(row["value"]) for row in rows]
        numbers = [mean(values), *([stdev(values)] if len(values) > 1 else []), len(values), int(rows[0]["images"])]
        check_text(f"results/{study}/README.md, Errors, row {number}", cells, *numbers)


def check_summary(path):
    """Mean, n and standard deviation of the headline metric, and the two gaps between means."""
    file, summary = path.relative_to(ROOT), json.loads(path.read_text("utf-8"))
    study = next(path.parent.glob("**/scores.csv")).parent.relative_to(ROOT / "results").as_posix()
    protocol, metric = HEADLINE[path.parent.name]
    means = summary[metric]
    for name, printed in means.items():
        n, std = summary["n"][name], summary["std"].get(name, 0)
        values = find_values(study, *split_name(name), protocol, metric)[:n]  # of the runs of params.yaml
        spread = stdev(values) if len(values) > 1 else 0
        check_text(f"{file}, {name}", f"{printed:.2f} {n} {std:.2f}", mean(values), len(values), spread)
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


def binomial(value, images):
    share = min(max(value, 100 / images), 100 - 100 / images)
    return share * (100 - share) / images


def recount_values(study, kind, net, variant, *more):
    """The values of a sample, one a seed, by its source in claims.json."""
    if kind == "scores":
        return find_values(study, net, variant, *more)
    if kind == "difference":
        pairs = zip(*(find_values(study, net, variant, *pair) for pair in (more[:2], more[2:])), strict=True)
        return [first - second for first, second in pairs]
    table = {"responses": "responses", "below": "curves", "curves": "curves"}.get(kind, "gradients")
    rows = [row | {"at": int(row["iteration"])} for row in find(f"{study}/{table}.csv", net=net, variant=variant)]
    seeds = [list(group) for _, group in groupby(rows, lambda row: row["seed"])]
    if kind == "below":
        below = [[r["at"] for r in rows if r["split"] == "train" and float(r["value"]) < more[0]] for rows in seeds]
        return [min(iterations, default=more[1]) for iterations in below]
    if kind == "curves":
        return [float(row["value"]) for row in rows if row["split"] == "test" and row["at"] == more[0]]
    if kind == "responses":
        return [mean(float(row["value"]) for row in rows) for rows in seeds]
    at = [{"gradients first": min, "gradients last": max}[kind](row["at"] for row in rows) for rows in seeds]
    norms = [[float(row["value"]) for row in rows if row["at"] == a] for rows, a in zip(seeds, at, strict=True)]
    return [mean(n[: len(n) // 3]) / mean(n[-(len(n) // 3) :]) for n in norms]


def recount_sample(claim, sample, where):
    """Signed values; the variance of one; a published spread; and whether rule 1 or 2 keeps it from deciding."""
    values, published, source = sample["values"], sample["published_spread"], sample["source"]
    if source:
        kind, net, variant, *more = source
        recounted = recount_values(claim["study"], *source)
        check(f"{where}, {source}, number of values", len(values), len(recounted))
        for pair in zip(values, recounted, strict=True):
            check(f"{where}, {source}, value", *pair)
        if kind in ("scores", "curves"):
            protocol = more[0] if kind == "scores" else HEADLINE[claim["study"].split("/")[1]][0]
            images = find(f"{claim['study']}/scores.csv", net=net, variant=variant, protocol=protocol)[0]["images"]
            least = binomial(mean(values), int(images))
            check(f"{where}, {source}, least_variance", sample["least_variance"], least)
        if kind not in ("difference", "below"):
            members = [find(f"{claim['study']}/runs.csv", net=one, variant=variant) for one in net.split(" + ")]
            chance = any(run["status"] == "chance" for runs in members for run in runs)
            check(f"{where}, {source}, learned", sample["learned"], claim["claim"] in DECIDED_BY_CHANCE or not chance)
    own = variance(values) if len(values) >= SEEDS else published[0] if published else math.nan
    state = "single seed" if math.isnan(own) else "tested" if sample["learned"] else "chance"
    return [sample["sign"] * value for value in values], max(own, sample["least_variance"]), published, state


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
    var = (n * (n - 1) * (2 * n + 5) - sum(x * (x - 1) * (2 * x + 5) for x in (*sizes, *ties))) / 18
    var += u2 * t2 / (2 * n * (n - 1)) + u3 * t3 / (9 * max(math.perm(n, 3), 1))
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
    place, comparisons = f"reports/claims.json, {claim['claim']} of {claim['study']}", claim["comparisons"]
    evidence = []
    for number, comparison in enumerate(comparisons, start=1):
        where, test = f"{place}, comparison {number}", comparison.get("test")
        if not test or test[0] == "counted":  # "counted" on built nets: an input
            evidence.append(test and (0, "tested", math.inf if test[1] else -math.inf, math.inf))
            continue
        samples = [recount_sample(claim, sample, where) for sample in comparison["samples"]]
        states, n = [state for *_, state in samples], min(len(values) for values, *_ in samples)
        state = next((s for s in ("single seed", "chance") if s in states), "tested")
        *numbers, score, freedom = weigh(test, samples)
        for key, recounted in zip(("n", "value", "low", "high"), (n, *numbers), strict=True):
            check(f"{where}, {key}", comparison[key], None if math.isnan(recounted) else recounted)
        evidence.append((n, state, score, freedom))
    parts = [comparison["part"] for comparison in comparisons]
    deciding = [i for i, part in enumerate(parts) if part != "aside"]
    verdict, outcomes = judge([evidence[i] for i in deciding], [parts[i] == "must" for i in deciding])
    recounted = {i: judge([one], [True])[1][0] for i, one in enumerate(evidence) if one}  # an aside, by itself
    for i, outcome in (recounted | dict(zip(deciding, outcomes, strict=True))).items():
        check(f"{place}, comparison {i + 1}, outcome", comparisons[i]["outcome"], outcome)
    check(f"{place}, verdict", claim["verdict"], verdict)


def is_arithmetic(claim):
    tests = {one.get("test", [None])[0] for one in claim["comparisons"]}
    return tests == {"counted"} and claim["verdict"] == "supported"


def check_counts(printed):
    """How many of the paper's claims have each verdict, by the data of the setup that counts."""
    every = set(re.findall(r"\bid: (K\d\d)\b", (ROOT / "src/replication/paper/paper.yaml").read_text("utf-8")))
    arithmetic = {claim["claim"] for claim in printed["claims"] if is_arithmetic(claim)}
    for group in ("own_data", "smoke_test", "proxy"):
        verdicts = [c["verdict"].replace(" ", "_") for c in printed["claims"] if c["counted_in"] == group]
        silent = len(every) - len(arithmetic) - len(verdicts)
        for kind, n in printed[group].items():
            recounted = {"confirmed": len(arithmetic), "not_tested": silent}.get(kind, verdicts.count(kind))
            check(f"reports/claims.json, {group}.{kind}", n, recounted)


def word_verdict(claim):
    """A verdict as the page says it."""
    if claim is None or is_arithmetic(claim):
        return "confirmed by counting" if claim else "not tested"
    few = [c["n"] for c in claim["comparisons"] if c["part"] != "aside" and c["outcome"] == "single seed" and c["n"]]
    if claim["verdict"] == "single seed" and min(few) > 1:
        return f"only {min(few)} seeds"
    return ("provisional: " if claim["provisional"] else "") + claim["verdict"]


def check_page(claims):
    """Each place of the page with `data-source`: what it prints, and of what."""
    page = (ROOT / "reports/replication.html").read_text("utf-8")
    places = re.findall(r'<(\w+)[^>]* data-source="([^"]*)"[^>]*>(.*?)</\1>', page, re.DOTALL)
    for _, source, inner in places:
        kind, *about = html.unescape(source).split("|")
        text = " ".join(html.unescape(re.sub("<[^>]*>", " ", inner)).split())
        check_place(f"reports/replication.html, {source}", text, kind, about, claims)
    check("reports/replication.html, number of places", page.count(" data-source="), len(places))


def check_place(where, text, kind, about, claims):
    """One place, by the table of docs/verify.md."""
    if kind == "scores":
        keys, *number = about
        values = find_values(*number)
        numbers = {"mean": mean(values), "best": min(values), "n": len(values), "members": len(number[1].split(" + "))}
        numbers |= {"complement": 100 - mean(values), "share": mean(values) / 100}
        numbers |= {"std": stdev(values)} if "std" in keys else {}
        numbers |= {"over images": mean(find_values(*number[:4], f"{number[4]}_se"))} if "over images" in keys else {}
        check_text(where, text, *(numbers[key] for key in keys.split(", ")))
    elif kind == "runs":
        check_text(where, text, len(read(f"{about[0]}/runs.csv")))
    elif kind in ("nets", "gaps"):
        study, *printed = about
        theirs = dict(one.split("=") for one in printed)
        ours = {net: find_values(study, net, "default", *HEADLINE[study.split("/")[1]]) for net in theirs}
        gaps = sorted(mean(values) - float(theirs[net]) for net, values in ours.items() if values)
        text = text if kind == "nets" or " to " in text else f"{text} {text}"  # one gap, or all alike
        check_text(where, text, *((len(gaps), len(theirs)) if kind == "nets" else (gaps[0], gaps[-1])))
    elif kind == "rerun":
        check_rerun(where, text, *about)
    elif kind == "count":
        check_text(where, text, claims[about[0]][about[1].replace(" ", "_")])
    else:
        check_verdict(where, text, kind, about, claims["claims"])


def check_verdict(where, text, kind, about, claims):
    """Places that print what claims.json has, which is recounted by then."""
    of_claim = [claim for claim in claims if claim["claim"] == about[0]]
    claim = next((claim for claim in of_claim if claim["study"] == about[1]), None) if about[1:] else None
    if kind == "square":
        counted = [claim for claim in of_claim if claim["counted_in"] == "own_data" or is_arithmetic(claim)]
        words = f"{about[0]}, {word_verdict(counted[0] if counted else None)}"
        check(where, text[: len(words)], words)
    elif kind == "comparison":
        one, keys = claim["comparisons"][int(about[2]) - 1], about[3].split(", ")
        outcome = "did not learn" if one["outcome"] == "chance" else one["outcome"]
        if outcome == "did not learn":  # such a net has no interval
            keys = [key for key in keys if key not in ("low", "high")]
        numbers = [one[key] * (100 if "of pairs" in text else 1) for key in keys if isinstance(one[key], int | float)]
        if keys == ["outcome"]:
            check(where, text.partition(" ")[2], outcome)
        else:
            check_text(where, text.split(" (")[0].split(";")[0], *numbers)
    elif text.startswith("agrees at") and claim["verdict"] == "inconclusive":  # some depths were not run
        outcomes = [one["outcome"] for one in claim["comparisons"] if one["part"] == "must"]
        run = [outcome for outcome in outcomes if outcome != "not tested"]
        check_text(where, text, run.count("supported"), len(run), len(outcomes))
    else:
        words = word_verdict(claim)
        check(where, text[-len(words) :] if kind == "finding" else text[: len(words)], words)


def check_rerun(where, text, study, by, net, variant, seed, key):
    """A run that others made again, in the distribution of our seeds: p of one more seed, and the verdict."""
    (row,) = find(f"{study}/reruns.csv", by=by, net=net, variant=variant, seed=seed)
    number, value, p = (study, net, variant, row["protocol"], row["metric"]), float(row["value"]), math.nan
    ours = find_values(*number)
    if len(ours) >= SEEDS:
        spread = max(stdev(ours), math.sqrt(binomial(mean(ours), int(row["images"]))))
        p = 2 * tail(abs(value - mean(ours)) / spread / math.sqrt(1 + 1 / len(ours)), len(ours) - 1)
    verdict = "too few seeds" if math.isnan(p) else "outside the range of our seeds" if p < OUTSIDE else "accepted"
    verdict = "the same number" if find_values(*number, seed) == [value] else verdict
    if key == "verdict":
        check(where, text, verdict)
    else:
        check_text(where, text, *({"value": [value], "p": [] if math.isnan(p) else [p]}[key]))


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
    check_page(claims)
    print(f"{len(confirmed):,} of {len(confirmed):,} numbers confirmed")


if __name__ == "__main__":
    try:
        main()
    except (OSError, LookupError, ValueError, TypeError, StopIteration) as error:  # a file or an entry is missing
        sys.exit(f"after {confirmed[-1] if confirmed else 'nothing'}: the record cannot be read: {error!r}")
