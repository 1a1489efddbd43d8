"""W2 in the tables: times of all simulators, and whether their rates and irregularities agree. See table.py."""

import statistics
from collections import defaultdict

from grid import NAMES, ORDER, grid

ERRORS = 4  # standard errors of a mean over ten networks: exceeded once in 300 times by chance


def fastest(records):
    """By (model, n, dtype) and (peer, threads): the fastest record, and slowest / fastest pass."""
    found = defaultdict(list)
    for record in records:
        if record["workload"] == "w2" and record["seed"] < 1000:  # not those that only compare rates
            work = (record["model"], record["n"], record["dtype"])
            found[work, (record["peer"], record["threads"])].append(record)
    cells = defaultdict(dict)
    for (work, key), passes in found.items():
        passes.sort(key=lambda record: record["us_per_step"])
        cells[work][key] = (passes[0], passes[-1]["us_per_step"] / passes[0]["us_per_step"])
    return cells


def by_network(records):
    """By (model, dtype, peer): rates in Hz and irregularities of 4000 neurons, by seed."""
    found = defaultdict(dict)
    for record in records:
        if record["workload"] == "w2" and record["seed"] >= 1000:
            work = (record["model"], record["dtype"], record["peer"])
            found[work][record["seed"]] = (record["rate_hz"], record["cv"])
    return found


def times(records):
    """The table of times. Rates and irregularities are means over networks, where several were simulated."""
    networks, rows = by_network(records), []
    for (model, n, dtype), row in sorted(fastest(records).items()):
        ours, _ = row.get(("pyspikenet", 1), (None, None))
        same = len({record["network"] for record, _ in row.values()}) == 1
        for peer, threads in sorted(row, key=lambda key: (ORDER.index(key[0]), key[1])):
            record, spread = row[peer, threads]
            us = record["us_per_step"]
            whole = f"{us / ours['us_per_step']:.3g}" if ours else ""
            in_loop = us_of_loop(record) if peer == "pyspikenet" else us
            loop = f"{in_loop:.3g}" if peer == "pyspikenet" else ""
            against_loop = f"{in_loop / us_of_loop(ours):.3g}" if ours else ""
            name = f"{NAMES[peer]} {record['version']}{'' if same else ' (networks differ!)'}"
            several = networks.get((model, dtype, peer), {}) if n == 4000 else {}
            rates, cvs = zip(*(several.values() or [(record["rate_hz"], record["cv"])]), strict=True)
            measured = (f"{us:.3g}", loop, whole, against_loop, mean(rates), mean(cvs), f"{spread:.2f}")
            rows.append((model.upper(), n, dtype, name, threads, *measured))
    head = ("W2", "neurons", "precision", "simulator", "threads", "us per step", "step loop alone", "time / ours")
    return grid((*head, "time / our loop", "rate [Hz]", "CV", "spread"), rows)


def us_of_loop(record):
    return 1e6 * record["julia_s"] / record["steps"]


def mean(values):
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{statistics.fmean(values):.3g} ± {error(values):.1g}"


def error(values):
    return statistics.stdev(values) / len(values) ** 0.5


def differences(records):
    """Rows (what, measured, target, met): all simulators on the same networks, which are chaotic."""
    networks, rows = by_network(records), []
    for (model, dtype, peer), theirs in sorted(networks.items()):
        ours = networks.get((model, dtype, "pyspikenet"), {})
        seeds = sorted(set(ours) & set(theirs))
        if peer == "pyspikenet" or len(seeds) < 3:
            continue
        for k, what in enumerate(("rate", "CV of intervals")):
            percent = 100 / statistics.fmean(ours[seed][k] for seed in seeds)
            difference = [percent * (theirs[seed][k] - ours[seed][k]) for seed in seeds]
            middle, wide = statistics.fmean(difference), error(difference)
            text = f"W2, {model.upper()}, {dtype}, {len(seeds)} networks: {what} of {NAMES[peer]} against ours"
            if max(map(abs, difference)) < 1e-9:  # as double precision makes possible
                measured, met = "the same", "yes"
            else:
                measured, met = f"{middle:+.2g} ± {wide:.1g} %", "yes" if abs(middle) <= ERRORS * wide else "**no**"
            rows.append((text, measured, f"<= {ERRORS} standard errors", met))
    return rows
