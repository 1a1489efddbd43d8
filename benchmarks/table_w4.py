"""W4 in the tables: populations of candidates of all programs. See table.py."""

from collections import defaultdict

from grid import NAMES, ORDER, grid


def fastest(records):
    """By work and (peer, dtype, threads): the fastest record, and slowest / fastest pass."""
    found = defaultdict(list)
    for record in records:
        if record["workload"] == "w4":
            work = record["task"], record["candidates"]
            found[work, (record["peer"], record["dtype"], record["threads"])].append(record)
    cells = defaultdict(dict)
    for (work, key), passes in found.items():
        passes.sort(key=lambda record: record["wall_s"])
        cells[work][key] = (passes[0], passes[-1]["wall_s"] / passes[0]["wall_s"])
    return cells


def rates(records):
    rows = []
    for (task, candidates), row in sorted(fastest(records).items()):
        for key in sorted(row, key=lambda key: (ORDER.index(key[0]), key[1:])):
            peer, dtype, threads = key
            record, spread = row[key]
            # Brian2 has no float32 here: it is compared with our float64.
            ours, _ = row.get(("pyspikenet", dtype, threads), (None, None))
            against = f"{record['wall_s'] / ours['wall_s']:.3g}" if ours else ""
            name = f"{NAMES[peer]} {record['version']}, {dtype}"
            ms, judging = f"{1e3 * record['wall_s']:.3g}", record.get("judging_s")
            inside = "" if judging is None else f"{1e3 * judging:.2g}"
            speed = f"{record['candidates_per_s']:.4g}"
            rows.append(
                (task, candidates, name, threads, speed, ms, inside, against, record["spikes"], f"{spread:.2f}")
            )
    head = (
        "W4", "candidates", "program", "threads", "candidates / s", "generation [ms]", "of it judging [ms]",
        "time / ours", "spikes", "spread",
    )  # fmt: skip
    return grid(head, rows)
