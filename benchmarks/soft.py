"""The differentiable census, forward and backward, against the forms with eleven and seven products.

The formulas are those of the documentation: every class is the trace of a product of three of the dyad
matrices mutual, one-way and null. All forms run here, on the same torch, in float32.
"""

import numpy as np

from harness import Case

PEERS = set()
PUBLISHED_GOAL = 1.3
SIZES = (128, 256, 512)


def cases(folder, quick):
    """Probabilities as a trained network has them: most near 0, density about .1."""
    found = []
    for n in (32,) if quick else SIZES:
        path = folder / f"soft_{n}.npy"
        np.save(path, np.random.default_rng(n).beta(0.2, 1.8, (n, n)).astype(np.float32))
        goals = {"eleven_products": PUBLISHED_GOAL}
        peers = ("eleven_products", "seven_products")
        name = f"differentiable census, forward and backward, n {n}"
        found.append(Case(name, {"path": str(path)}, peers, goals, rtol=2e-3))
    return found


def _timed(arguments, census):
    """One forward and backward pass; the thirteen counts and the size of the gradient are compared."""
    import torch

    torch.set_num_threads(1)
    values = torch.from_numpy(np.load(arguments["path"]))
    weights = torch.linspace(0.5, 1.5, 13, dtype=torch.float64)
    scale = len(values) ** 3

    def step():
        leaf = values.clone().requires_grad_()
        counts = census(leaf)
        (counts.double() @ weights / scale).backward()
        return counts, leaf.grad

    def numbers(result):
        counts, gradient = result
        return [*counts.tolist(), float(gradient.norm())]

    return step, numbers


def run_digimus(arguments):
    from digimus.motifs import soft_triad_census

    return _timed(arguments, lambda a: soft_triad_census(a)[3:])


def _dyads(a):
    import torch

    off = 1 - torch.eye(len(a))
    back = a.T
    return a * back * off, a * (1 - back) * off, (1 - a) * (1 - back) * off


def run_eleven_products(arguments):
    """A product for every connected class, but that 030C shares one with 030T and 300 with 210."""
    import torch

    def census(edge):
        m, a, none = _dyads(edge)
        b = a.T
        chain, pairs = a @ a, m @ m
        return torch.stack(
            [
                ((b @ a) * none).sum() / 2,
                ((a @ b) * none).sum() / 2,
                ((a @ a) * none).sum(),
                ((m @ b) * none).sum(),
                ((m @ a) * none).sum(),
                (chain * a).sum(),
                (chain * b).sum() / 3,
                ((m @ m) * none).sum() / 2,
                ((b @ a) * m).sum() / 2,
                ((a @ b) * m).sum() / 2,
                ((a @ a) * m).sum(),
                (pairs * a).sum(),
                (pairs * m).sum() / 6,
            ]
        )

    return _timed(arguments, census)


def run_seven_products(arguments):
    """Every product once; the seventh, of null dyads, serves the three classes that are not connected."""
    import torch

    def census(edge):
        m, a, none = _dyads(edge)
        b = a.T
        aa, mm, down, up, md, mu, nn = a @ a, m @ m, b @ a, a @ b, m @ b, m @ a, none @ none
        pairs = (
            *((nn, none, 6), (nn, a, 1), (nn, m, 2), (down, none, 2), (up, none, 2), (aa, none, 1)),
            *((md, none, 1), (mu, none, 1), (aa, a, 1), (aa, b, 3), (mm, none, 2), (down, m, 2)),
            *((up, m, 2), (aa, m, 1), (mm, a, 1), (mm, m, 6)),
        )
        return torch.stack([(product * third).sum() / symmetry for product, third, symmetry in pairs])[3:]

    return _timed(arguments, census)
