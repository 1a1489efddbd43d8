"""The experiment of "Parallel SNN parameter inference using gradient based optimization", end to end.

    python examples/inference_paper/run.py [--out FOLDER] [--quick] [--workers N]

Fits that are finished are kept in FOLDER/fits and not done again. Written at the end: FOLDER/inference_paper.nc and
twelve figures; printed: what became of the fits. Read ``experiment.py`` next.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import experiment as paper
import fits

DEFAULT = Path(__file__).resolve().parent.parent / "output" / "inference_paper"


def tasks(quick: bool) -> list[fits.Task]:
    """Every fit: of 18 configurations to 4 targets, 5 each; or 2 each of one configuration."""
    configurations, each = ((paper.QUICK,), 2) if quick else (paper.CONFIGURATIONS, 5)
    return [(c, target, number) for c in configurations for target in range(4) for number in range(each)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fits spiking networks to spikes of other ones, as the paper does.")
    parser.add_argument("--out", type=Path, default=DEFAULT, help="folder to write to (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="8 fits of one configuration in place of 360")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    chosen = parser.parse_args(arguments)
    wanted = tasks(chosen.quick)
    done = sum(fits.file_of(chosen.out / "fits", task).exists() for task in wanted)
    print(f"{len(wanted)} fits, {done} of them done before", flush=True)
    begun = time.perf_counter()

    def report(task: fits.Task, seconds: float) -> None:
        nonlocal done
        done += 1
        configuration, target, number = task
        print(f"[{done}/{len(wanted)}] {configuration}, target {target}, fit {number}: {seconds:.1f} s", flush=True)

    fits.run_all(wanted, chosen.out / "fits", chosen.workers, report)
    if done:
        print(f"fits ready after {time.perf_counter() - begun:.0f} s", flush=True)
    import collect
    import figures

    found = collect.dataset(wanted, chosen.out / "fits", 2 if chosen.quick else paper.ITERATIONS)
    found.to_netcdf(chosen.out / "inference_paper.nc", engine="h5netcdf")
    figures.draw_all(found, chosen.out)
    print(collect.summary(found))
    print(f"written to {chosen.out}: inference_paper.nc and {len(figures.FIGURES)} figures")


if __name__ == "__main__":
    main()
