"""Compute the characters per second that the matrix products of a BERT allow on this CPU, if nothing else took time.

    operations per character = 2 · layers · (4 · width² + 2 · 4 · width²)

are those of the linear layers: query, key, value and output of width × width, and two of width × 4 width. Attention and
the head are left out. The rates are measured for products of these shapes.
"""

from benchmarks.products import rates

WAY = "ours"  # the products that the package uses on this CPU
# Rows of a product: about as many as there are wordpieces in a batch
ROWS = {312: 640, 768: 256}


def characters_per_second(layers: int, width: int, rounds: int) -> float:
    """Return the limit for a BERT with one wordpiece per character, on the threads that torch uses.

    layers (int): Number of layers. width (int): Width of the hidden states. rounds (int): Rounds of the measurement.
    """
    n_rows = ROWS.get(width, 256)
    shapes = {(width, width): 4, (width, 4 * width): 1, (4 * width, width): 1}  # (in, out) → products in a layer
    seconds = 0.0
    for (n_in, n_out), times in shapes.items():
        giga = rates(n_rows, n_in, n_out, rounds)[WAY]
        seconds += layers * times * 2e-9 * n_in * n_out / giga
    return 1 / seconds
