"""W5 in the tables: van Rossum distances of all programs. See table.py."""

from collections import defaultdict

from grid import NAMES, ORDER, grid


def fastest(records):
    """By task and (peer, threads, method): the fastest record, and slowest / fastest pass."""
    found = defaultdict(list)
    for record in records:
        if record["workload"] == "w5":
            found[record["task"], (record["peer"], record["threads"], record.get("method", ""))].append(record)
    cells = defaultdict(dict)
    for (task, key), passes in found.items():
        passes.sort(key=lambda record: record["us_per_distance"])
        cells[task][key] = (passes[0], passes[-1]["us_per_distance"] / passes[0]["us_per_distance"])
    return cells


def times(records):
    rows = []
    for task, row in sorted(fastest(records).items(), reverse=True):
        ours, _ = row.get(("pyspikenet", 1, ""), (None, None))
        for key in sorted(row, key=lambda key: (ORDER.index(key[0]), key[1:])):
            peer, threads, method = key
            record, spread = row[key]
            us = record["us_per_distance"]
            name = f"{NAMES[peer]} {record['version']}{f', {method}' if method else ''}"
            against = f"{us / ours['us_per_distance']:.3g}" if ours else ""
            total = f"{record['checksum']:.7g}"
            rows.append(
                (task, name, threads, f"{us:.3g}", f"{1e3 * record['wall_s']:.3g}", against, total, f"{spread:.2f}")
            )
    head = (
        "W5",
        "program",
        "threads",
        "us per distance",
        "whole call [ms]",
        "time / ours",
        "sum of distances",
        "spread",
    )
    return grid(head, rows)
