"""Compute the characters per second that the matrix products of a BERT allow on this CPU, if nothing else took time.

    operations per character = layers · (2 · (4 · width² + 2 · 4 · width²) + 4 · width · length)

The linear layers are those of query, key, value and output, width × width, and two of width × 4 width. `length` is the
number of wordpieces that a wordpiece attends to. The rates of the linear layers are measured; the two products of
attention are counted at the rate of the first. The head is left out.
"""

from collections.abc import Sequence

from benchmarks.products import rates

WAY = "ours"  # the products that the package uses on this CPU
WINDOW = 254  # characters of a window
# Rows of a product: about as many as there are wordpieces in a batch
ROWS = {312: 640, 768: 256}


def characters_per_second(layers: int, width: int, texts: Sequence[str], rounds: int) -> float:
    """Return the limit for a BERT with one wordpiece per character, on the threads that torch uses.

    layers (int): Number of layers. width (int): Width of the hidden states.
    texts (Sequence[str]): The texts, whose lengths decide how much attention costs.
    rounds (int): Rounds of the measurement.
    """
    length = sum(len(text) * min(len(text), WINDOW) for text in texts) / sum(map(len, texts))
    shapes = {(width, width): 4, (width, 4 * width): 1, (4 * width, width): 1}  # (in, out) → products in a layer
    found = {shape: 1e9 * rates(ROWS.get(width, 256), *shape, rounds)[WAY] for shape in shapes}
    linear = sum(times * 2 * n_in * n_out / found[n_in, n_out] for (n_in, n_out), times in shapes.items())
    attention = 4 * width * length / found[width, width]
    return 1 / (layers * (linear + attention))
