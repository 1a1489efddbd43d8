"""Events of cameras in files of AEDAT 4: every pixel is two neurons, for events of rising and of falling light."""

from pathlib import Path

import numpy as np

from .recording import Recorded, missing


def read_file(path: Path) -> Recorded:
    """The events of a file; their time begins with the first."""
    try:
        import aedat
    except ImportError:
        raise missing("aedat", "aedat", "files of AEDAT") from None
    with path.open("rb") as file:
        head = file.read(14)
    if not head.startswith(b"#!AER-DAT4"):
        kind = head.split(b"\r")[0].decode("ascii", "replace") if head.startswith(b"#!AER-DAT") else "none"
        raise ValueError(
            f"recording must be a file of AEDAT 4, which begins with '#!AER-DAT4.0', got {str(path)!r}: {kind}"
        )
    try:
        decoder = aedat.Decoder(path)
        streams = {k: x for k, x in decoder.id_to_stream().items() if x["type"] == "events"}
        packets = [packet["events"] for packet in decoder if packet["stream_id"] in streams]
    except RuntimeError as problem:
        raise ValueError(f"recording must be a file of AEDAT 4, got {str(path)!r}: {problem}") from None
    if len(streams) != 1 or not sum(map(len, packets)):
        raise ValueError(f"recording must have one stream of events, got {len(streams)} of them in {str(path)!r}")
    events = np.concatenate(packets)
    (stream,) = streams.values()
    width, height = int(stream["width"]), int(stream["height"])
    n = 2 * width * height
    begin = int(events["t"].min())
    times = (events["t"].astype(np.int64) - begin) * 1e-3  # from microseconds
    falling = (~events["on"]).astype(np.int64)
    neuron = (falling * height + events["y"].astype(np.int64)) * width + events["x"]
    pixel = np.arange(n) % (width * height)
    return Recorded(
        source=str(path), times=times, neuron=neuron, trial=np.zeros(times.size, np.int64), n=n, n_trials=1,
        durations=np.array([max(float(times.max()), 1e-3)]),
        coords={
            "x": ("neuron", pixel % width, {"long_name": "column of the pixel"}),
            "y": ("neuron", pixel // width, {"long_name": "row of the pixel"}),
            "polarity": ("neuron", np.repeat(["on", "off"], n // 2), {"long_name": "whether light rises or falls"}),
        },
    )  # fmt: skip
