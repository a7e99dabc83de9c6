"""Derivatives that stand in for that of the spike, as functions of v - v_th."""


def fast_sigmoid(x, slope=5.0):
    """1 / (1 + slope |x|)^2."""
    return x.abs().mul_(slope).add_(1).square_().reciprocal_()


def triangular(x, width=0.5):
    """max(0, 1 - |x| / width)."""
    return x.abs().div_(-width).add_(1).clamp_(min=0)


def rectangular(x, width=0.5):
    """1 where |x| < width, else 0."""
    return (x.abs() < width).to(x.dtype)


SURROGATES = {"fast_sigmoid": fast_sigmoid, "triangular": triangular, "rectangular": rectangular}
