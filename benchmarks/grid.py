"""What the tables of table.py and table_w2.py to table_w5.py share: names, and Markdown."""

ORDER = ("pyspikenet", "numba", "brian2", "nest", "spikeometric", "elephant", "numpy", "jax", "norse")
NAMES = {
    "pyspikenet": "pyspikenet",
    "numba": "numba loop",
    "brian2": "Brian2, C++ standalone",
    "nest": "NEST",
    "spikeometric": "Spikeometric",
    "elephant": "Elephant",
    "numpy": "NumPy",
    "jax": "scan in JAX",
    "norse": "Norse",
}


def grid(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])
