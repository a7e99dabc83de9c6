"""One way to seed: every random stream is named, and streams never depend on the order of jobs."""

import hashlib

import numpy as np


def stream(seed, *names):
    """A numpy generator that depends only on the seed and on the names of its purpose.

    Parameters
    ----------
    seed : int
        The run's seed, zero or more.
    *names : str or int
        What the stream is for, for example ``"neurons", "CP", 7``.

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng(np.random.SeedSequence([int(seed), number(*names)]))


def number(*names):
    """A stable 64-bit number for a sequence of names (``hash`` differs between runs)."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
