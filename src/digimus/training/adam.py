"""Adam by torch's own fused kernel, without the wrapper that makes it loadable by torch's compiler.

`torch.optim.Adam` imports that compiler when it is made: more than a second in every job that trains.
The numbers are the same, bit for bit; a test holds the two together.
"""

import torch
from torch.optim.adam import adam as fused_kernel

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Adam:
    """Adam (Kingma & Ba 2015) with an L2 penalty, as far as training here needs it.

    Parameters
    ----------
    parameters : iterable of torch.Tensor
    lr : float
        Learning rate; ``param_groups[0]["lr"]`` may be changed between steps.
    weight_decay : float
        Times a parameter, added to its gradient.

    Attributes
    ----------
    state : dict of torch.Tensor to dict
        ``step``, ``exp_avg`` and ``exp_avg_sq`` of each parameter that has had a gradient.
    """

    def __init__(self, parameters, lr, weight_decay=0.0):
        self.param_groups = [{"params": list(parameters), "lr": lr, "weight_decay": weight_decay}]
        self.state = {}

    def zero_grad(self):
        """Forget the gradients."""
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    @torch.no_grad()
    def step(self):
        """Move every parameter that has a gradient."""
        group = self.param_groups[0]
        moved = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not moved:
            return
        states = [self._state_of(parameter) for parameter in moved]
        fused_kernel(
            moved,
            [parameter.grad for parameter in moved],
            *([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")),
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=EPSILON,
            maximize=False,
        )

    def _state_of(self, parameter):
        if parameter not in self.state:
            self.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return self.state[parameter]
