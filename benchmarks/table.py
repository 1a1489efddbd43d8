"""The Markdown table of a result of run.py: ``python benchmarks/table.py results/<date>.json``."""

import json
import sys
from collections import defaultdict
from pathlib import Path

import table_w2
import table_w3
import table_w4
import table_w5
from grid import NAMES, ORDER, grid

TOLERANCE = 0.02  # of rates
OURS = ("pyspikenet", 1, "float32")


def markdown(result):
    records = result["records"]
    machine = result["machine"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; {result['date'][:16].replace('T', ' ')},"
        f" commit {result['commit']}; fastest of {result['passes']} passes"
        + (". **A quick run: not for quoting.**" if result["quick"] else ".")
    ]
    cells = w1_cells(records)
    rates = w1_rates(records)
    judged = targets(records, cells, rates)
    if judged:
        parts.append(grid(("what", "measured", "target", "met"), judged))
    if cells:
        parts.append(w1_table(cells, rates))
    if any(record["workload"] == "w2" for record in records):
        parts.append(table_w2.times(records))
    if any(record["workload"] == "w3" for record in records):
        parts.append(table_w3.times(records))
    if any(record["workload"] == "w4" for record in records):
        parts.append(table_w4.rates(records))
    if any(record["workload"] == "w5" for record in records):
        parts.append(table_w5.times(records))
    if any(record["workload"] in ("cost", "limits") for record in records):
        parts.append(cost_table(records))
    if any(record["workload"] == "first" for record in records):
        parts.append(first_table(records))
    return "\n\n".join(parts) + "\n"


# ---- W1 --------------------------------------------------------------------------------------------------------------


def w1_cells(records):
    """By n and (peer, threads, dtype): us per step of the fastest pass, its record, and slowest / fastest pass."""
    found = defaultdict(list)
    for record in records:
        if record["workload"] == "w1" and record["seed"] < 1000:  # not those that only compare rates
            found[record["n"], (record["peer"], record["threads"], record.get("dtype", ""))].append(record)
    cells = defaultdict(dict)
    for (n, key), passes in found.items():
        passes.sort(key=lambda record: record["us_per_step"])
        cells[n][key] = (passes[0]["us_per_step"], passes[0], passes[-1]["us_per_step"] / passes[0]["us_per_step"])
    return cells


def w1_rates(records):
    """Rate by (n, peer) over all passes and long runs, in Hz."""
    spikes, time = defaultdict(float), defaultdict(float)
    for record in records:
        if record["workload"] == "w1" and record["threads"] == 1 and record.get("dtype", "float32") == "float32":
            spikes[record["n"], record["peer"]] += record["spikes"]
            time[record["n"], record["peer"]] += record["n"] * record["steps"] / 1000
    return {key: spikes[key] / time[key] for key in spikes}


def w1_table(cells, rates):
    rows = []
    for n, row in sorted(cells.items()):
        ours = row.get(OURS, (float("nan"),))[0]
        networks = {record["network"] for _, record, _ in row.values()}
        for key in sorted(row, key=lambda key: (ORDER.index(key[0]), key[1:])):
            peer, threads, dtype = key
            us, record, spread = row[key]
            loop = f"{1e6 * record['julia_s'] / record['steps']:.3g}" if "julia_s" in record else ""
            near = " (near model)" if peer == "nest" else ""
            version = f"{NAMES[peer]}{near} {record['version']}{f', {dtype}' if dtype else ''}"
            rate = f"{rates[n, peer]:.2f}" if (n, peer) in rates and dtype != "float64" else ""
            same = "" if len(networks) == 1 else " (networks differ!)"
            rows.append((n, version + same, threads, f"{us:.3g}", loop, f"{us / ours:.3g}", rate, f"{spread:.2f}"))
    head = ("neurons", "simulator", "threads", "us per step", "step loop alone", "time / ours", "rate [Hz]", "spread")
    return grid(head, rows)


# ---- the rest --------------------------------------------------------------------------------------------------------


def targets(records, cells, rates):
    """Rows (what, measured, target, met) for all that was measured."""
    rows = []

    def row(what, value, target, met, unit=""):
        rows.append((what, f"{value:.3g}{unit}", f"{target}{unit}", "yes" if met else "**no**"))

    def ratio(n, key, least):
        if key in cells.get(n, {}) and OURS in cells[n]:
            value = cells[n][key][0] / cells[n][OURS][0]
            row(f"W1, N = {n}: times faster than {NAMES[key[0]]}", value, f">= {least}", value >= least)

    ratio(5000, ("spikeometric", 1, ""), 300)
    ratio(100, ("spikeometric", 1, ""), 150)
    for peer, least in (("brian2", 2), ("numba", 1)):
        for n in sorted(cells):
            ratio(n, (peer, 1, ""), least)
    for n in sorted(cells):  # what the loop would be judged by, were it alone
        if ("numba", 1, "") in cells[n] and OURS in cells[n]:
            value = cells[n]["numba", 1, ""][1]["wall_s"] / cells[n][OURS][1]["julia_s"]
            row(f"W1, N = {n}: our step loop alone against the numba loop", value, ">= 1", value >= 1)
    two = (OURS[0], 2, OURS[2])
    if two in cells.get(5000, {}) and OURS in cells[5000]:
        value = cells[5000][OURS][0] / cells[5000][two][0]
        row("W1, N = 5000: two threads against one", value, ">= 1.7", value >= 1.7)
    compared = {
        (n, peer): rate / rates[n, "pyspikenet"] - 1
        for (n, peer), rate in rates.items()
        if peer not in ("nest", "pyspikenet") and (n, "pyspikenet") in rates
    }
    if compared:
        (n, peer), worst = max(compared.items(), key=lambda item: abs(item[1]))
        row(f"W1: largest difference of rates (N = {n}, {NAMES[peer]})", 100 * worst, "<= 2", abs(worst) <= 0.02, " %")
    rows += table_w2.differences(records)
    for record in records:
        if record["workload"] == "memory" and record["peak_mb"]:
            peak = record["peak_mb"] / 1000
            row(
                f"Peak memory of {record['n_synapses']:.0e} synapses, Python and Julia",
                peak,
                "<= 1.6",
                peak <= 1.6,
                " GB",
            )
    for dtype in ("float64", "float32"):
        times = [r["wall_s"] for r in records if r["workload"] == "sparse" and r["dtype"] == dtype]
        if times:
            what = f"34,000 neurons, 49,000 synapses, 10,000 steps, one core, {dtype}"
            row(what, min(times), "< 3", min(times) < 3, " s")
    for when, most in (("nothing cached", 15), ("second time", 6)):
        times = [r["seconds"]["total"] for r in records if r["workload"] == "first" and r["when"] == when]
        if times:
            row(f"First result after import, {when}", min(times), f"< {most}", min(times) < most, " s")
    return rows


def cost_table(records):
    def best(workload, name, pick=min):
        values = [record[name] for record in records if record["workload"] == workload and name in record]
        return f"{pick(values):.3g}" if values else ""

    rows = [
        ("neuron in a step, 5000 neurons", best("cost", "w1_ns_per_neuron_step"), ""),
        ("neuron in a step, 100,000 neurons", best("cost", "memory_ns_per_neuron_step"), ""),
        ("synaptic event, W1 N = 5000 (4 MB)", best("cost", "w1_ns_per_event"), best("limits", "w1_ns_per_event")),
        ("synaptic event, 10^7 (80 MB)", best("cost", "memory_ns_per_event"), best("limits", "large_ns_per_event")),
        ("the same in the second cache", "", best("limits", "l2_ns_per_event")),
        ("the same, sums in memory too (64 + 400 MB)", "", best("limits", "memory_ns_per_event")),
        ("triad, GB/s", "", best("limits", "triad_gb_per_s", max)),
    ]
    return grid(("one core, float32", "pyspikenet [ns]", "limit: random scatter-add [ns]"), rows)


def first_table(records):
    stages = {
        "import": "import",
        "engine": "start of Julia",
        "open": "making the run",
        "advance": "steps",
        "state": "final state",
        "python": "Python",
        "total": "total after import",
    }
    rows = []
    for when in ("nothing cached", "second time"):
        found = [r["seconds"] for r in records if r["workload"] == "first" and r["when"] == when]
        if found:
            fastest = min(found, key=lambda seconds: seconds["total"])
            rows.append((when, *(f"{fastest[stage]:.2f}" for stage in stages)))
    return grid(("first result, s", *stages.values()), rows)


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
