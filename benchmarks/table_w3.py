"""W3 in the tables: loss and gradient of a recurrent network. See table.py."""

from collections import defaultdict

from grid import NAMES, ORDER, grid


def fastest(records):
    """By (n, density) and (peer, threads): the fastest record, and slowest / fastest pass."""
    found = defaultdict(list)
    for record in records:
        if record["workload"] == "w3":
            found[(record["n"], record["density"]), (record["peer"], record["threads"])].append(record)
    cells = defaultdict(dict)
    for (work, key), passes in found.items():
        passes.sort(key=lambda record: record["wall_s"])
        cells[work][key] = (passes[0], passes[-1]["wall_s"] / passes[0]["wall_s"])
    return cells


def times(records):
    rows = []
    for (n, density), row in sorted(fastest(records).items(), key=lambda item: (item[0][0], -item[0][1])):
        ours, _ = row.get(("pyspikenet", 1), (None, None))
        for peer, threads in sorted(row, key=lambda key: (ORDER.index(key[0]), key[1])):
            record, spread = row[peer, threads]
            against = f"{record['wall_s'] / ours['wall_s']:.3g}" if ours else ""
            inside = f"{1e3 * record['julia_s']:.3g}" if peer == "pyspikenet" else ""
            loop = f"{record['wall_s'] / ours['julia_s']:.3g}" if ours and peer != "pyspikenet" else ""
            measured = (f"{1e3 * record['wall_s']:.3g}", inside, f"{1e3 * record['forward_s']:.3g}", against, loop)
            checked = (
                f"{record['loss']:.6g}",
                f"{record['norms']['W']:.5g}",
                f"{record['pss_mb']:.0f}",
                f"{spread:.2f}",
            )
            rows.append((n, density, f"{NAMES[peer]} {record['version']}", threads, *measured, *checked))
    head = (
        "neurons",
        "density",
        "program",
        "threads",
        "gradient [ms]",
        "in Julia alone",
        "forward [ms]",
        "time / ours",
    )
    return grid(
        ("W3: " + head[0], *head[1:], "time / ours in Julia", "loss", "norm of dL/dW", "memory [MB]", "spread"), rows
    )
