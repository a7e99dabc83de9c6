"""Networks that differ in their weights alone, such as the seeds of a cell, as one computation.

Every parameter gets a leading dimension of networks. On a GPU a small recurrent network takes as long as
its kernels need to be started, and several at once hardly longer than one. On a CPU one network after the
other is faster: this module is for GPUs, and its results are those of the networks one by one up to the
order of sums. What it did on a GPU has not been seen; its tests run on a CPU.

Spiking and leaky networks have loops of their own here, with batched products in place of plain ones. The
TCN, the Transformer and the state-space model go through `torch.func.vmap`. The LSTM and the GRU do not
come together: cuDNN takes one set of weights a call.
"""

import copy

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from digimus.errors import InputError
from digimus.models.alif import ALIF
from digimus.models.leaky import LeakyRNN
from digimus.models.lif import DigiMus, leaky_filter
from digimus.models.lru import LRU
from digimus.models.spiking import Spike
from digimus.models.tcn import TCN
from digimus.models.transformer import Transformer


def can_batch(model):
    """Whether several networks like this one can be one computation."""
    return type(model) in FORWARDS


def kernel_of(model):
    """How a network's loop over time is run: a spiking network's `kernel`, else torch alone."""
    return getattr(model, "kernel", "torch")


class Batched:
    """Networks of one class that differ in the values of their parameters alone, evaluated together.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        Their parameters are copied.

    Attributes
    ----------
    stacked : torch.nn.Module
        Holds the parameters, each of shape (network, ...), under the names that they have in a network. It
        cannot be called.

    Raises
    ------
    InputError
        If the networks differ in more than the values of their parameters, or are of a class that is not in
        `FORWARDS`.
    """

    def __init__(self, models):
        _check_alike(models)
        self.stacked = _with_parameters(models[0], [dict(model.named_parameters()) for model in models])
        self.stacked.compiles = False  # the compiled loop takes one network
        delays = getattr(self.stacked, "delays", None)
        # Read here and not at every call, which would wait for the device.
        self.stacked.delay_values = [1] if delays is None else torch.unique(delays).tolist()
        self._forward = FORWARDS[type(models[0])]
        self.n = len(models)

    def __call__(self, inputs, noise=None):
        """Raw readouts (network, batch, time, output).

        Parameters
        ----------
        inputs : torch.Tensor, shape (network, batch, time, input) or (batch, time, input)
            Of each network, or the same for all.
        noise : torch.Tensor, shape (time, network, batch, unit), optional
            Standard normal numbers; see `noise`.
        """
        if inputs.ndim == 3:
            inputs = inputs.expand(self.n, *inputs.shape)
        return self._forward(self.stacked, inputs, noise)

    def noise(self, numbers, lengths, n_trials):
        """What the networks would draw as recurrent noise in training mode, each for its own trials.

        Parameters
        ----------
        numbers : sequence of int
            Seeds of the networks' generators at this update.
        lengths : sequence of int
            Steps of each network's trials; later steps get no noise.
        n_trials : int

        Returns
        -------
        torch.Tensor, shape (time, network, batch, unit), or None for networks without noise
        """
        if not getattr(self.stacked, "recurrent_noise", 0):
            return None
        w = self.stacked.w
        drawn = w.new_zeros(max(lengths), self.n, n_trials, w.shape[-1])
        for k, (number, length) in enumerate(zip(numbers, lengths, strict=True)):
            rng = torch.Generator(device=w.device).manual_seed(number)
            shape = (length, n_trials, w.shape[-1])
            drawn[:length, k] = torch.randn(shape, generator=rng, device=w.device, dtype=w.dtype)
        return drawn

    @property
    def kernel(self):
        """How the loop over time is run: "torch" or "plain", as in `DigiMus.kernel`."""
        return kernel_of(self.stacked)

    @property
    def recurrent_weight(self):
        """W[post, pre] of every network, shape (network, unit, unit), or None."""
        return self.stacked.recurrent_weight

    def only(self, rows):
        """The networks of some rows."""
        chosen = copy.copy(self)
        parameters = dict(self.stacked.named_parameters())
        each = [{name: values[row] for name, values in parameters.items()} for row in rows]
        chosen.stacked, chosen.n = _with_parameters(self.stacked, each), len(rows)
        return chosen

    @torch.no_grad()
    def write_to(self, model, row):
        """Copy the parameters of a row to a network."""
        for name, values in self.stacked.named_parameters():
            model.get_parameter(name).copy_(values[row])


def _check_alike(models):
    if not can_batch(models[0]) or any(type(model) is not type(models[0]) for model in models):
        raise InputError(
            "These networks cannot be evaluated together.",
            where=", ".join(sorted({type(model).__name__ for model in models})),
            expected=f"networks of one class of {', '.join(kind.__name__ for kind in FORWARDS)}",
            got=", ".join(type(model).__name__ for model in models),
            hint="Train them one by one.",
        )
    first = _fixed(models[0])
    for fixed in map(_fixed, models[1:]):
        differ = [name for name in {**first, **fixed} if not _same(first.get(name), fixed.get(name))]
        if differ:
            raise InputError(
                "Networks that differ in more than their weights cannot be evaluated together.",
                where=type(models[0]).__name__,
                expected="equal sizes, options and constants",
                got=f"differences in {', '.join(differ)}",
                hint="Train them one by one.",
            )


def _fixed(model):
    """By name all that a network computes with but the values of its parameters, which are stacked.

    That is shape, type and whether it is learnt of a parameter, the values of a buffer, and every number or
    option kept beside them. Decays of single units are parameters, learnt or not; the one decay that they
    took the place of counts for nothing.
    """
    fixed = {}
    for name, values in model.named_parameters():
        fixed[name] = values.shape, values.dtype, values.device, values.requires_grad
    for path, module in model.named_modules():
        unused = {"training", "compiles"} | {
            decay for decay in ("beta", "rho") if hasattr(module, f"{decay}_logit")
        }
        kept = {name: value for name, value in vars(module).items() if name[0] != "_" and name not in unused}
        for name, value in {**kept, **dict(module.named_buffers(recurse=False))}.items():
            fixed.setdefault(f"{path}.{name}".lstrip("."), value)
    return fixed


def _same(first, second):
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return first.device == second.device and torch.equal(first, second)
    return type(first) is type(second) and bool(first == second)


def _with_parameters(model, each):
    """A copy of a network whose parameters are stacked from those of each row."""
    stacked = copy.deepcopy(model)
    for path, values in list(model.named_parameters()):
        owner, _, name = path.rpartition(".")
        together = torch.stack([parameters[path].detach() for parameters in each])
        new = nn.Parameter(together, requires_grad=values.requires_grad)
        setattr(stacked.get_submodule(owner), name, new)
    return stacked


def _linear(inputs, weight, bias=None):
    """Rows (time, network, batch, input) through each network's layer (network, output, input)."""
    n_steps, n, n_trials, _ = inputs.shape
    rows = inputs.permute(1, 0, 2, 3).reshape(n, n_steps * n_trials, -1)
    to_post = weight.transpose(1, 2)
    out = torch.bmm(rows, to_post) if bias is None else torch.baddbmm(bias[:, None], rows, to_post)
    return out.view(n, n_steps, n_trials, -1).permute(1, 0, 2, 3).contiguous()


def _spiking(model, inputs, noise):
    """`DigiMus.forward` of every network."""
    w_in, w, b = model.w_in, model.recurrent_weight, model.b
    if model.input_scale != 1:
        w_in, w, b = w_in * model.input_scale, w * model.input_scale, b * model.input_scale
    current = _linear(inputs.permute(2, 0, 1, 3), w_in, b)
    if noise is not None:
        current = current + model.recurrent_noise * model.input_scale * noise
    if model.kernel == "torch":
        spikes = BatchedLIFLoop.apply(current, w, model.beta, model.threshold, model.surrogate)
    else:
        spikes = _spiking_loop(model, current, w)
    filtered = leaky_filter(_linear(spikes, model.readout.weight), model.kappa)
    return (filtered + model.readout.bias[:, None]).permute(1, 2, 0, 3)


class BatchedLIFLoop(torch.autograd.Function):
    """`digimus.models.lif.LIFLoop` with a dimension of networks."""

    @staticmethod
    def forward(ctx, current, weight, beta, threshold, surrogate):
        """Spikes (time, network, batch, unit) for a current of that shape and W (network, post, pre)."""
        potentials = current * (1 - beta)
        spikes = torch.empty_like(potentials)
        from_spikes = (weight * (1 - beta)).transpose(1, 2)
        v, s = potentials.unbind(0), spikes.unbind(0)
        kept = torch.empty_like(v[0])
        for t in range(len(v)):
            if t:
                v[t].baddbmm_(s[t - 1], from_spikes)
                v[t].addcmul_(v[t - 1], kept, value=beta)
            torch.ge(v[t], threshold, out=s[t])
            torch.sub(1, s[t], out=kept)
        ctx.save_for_backward(potentials, spikes, weight)
        ctx.constants = beta, threshold, surrogate
        return spikes

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_spikes):
        """Gradients with respect to the current and W."""
        potentials, spikes, weight = ctx.saved_tensors
        beta, threshold, surrogate = ctx.constants
        scaled = weight * (1 - beta)
        slopes = surrogate(potentials - threshold).unbind(0)
        leaks = ((1 - spikes) * beta).unbind(0)
        grad_v = torch.empty_like(potentials)
        v, grad_s, grads = potentials.unbind(0), grad_spikes.unbind(0), grad_v.unbind(0)
        torch.mul(grad_s[-1], slopes[-1], out=grads[-1])
        to_spike = torch.empty_like(grads[-1])
        for t in range(len(v) - 2, -1, -1):
            later = grads[t + 1]
            torch.baddbmm(grad_s[t], later, scaled, out=to_spike)
            to_spike.addcmul_(v[t], later, value=-beta)
            torch.mul(to_spike, slopes[t], out=grads[t])
            grads[t].addcmul_(later, leaks[t])
        grad_current = grad_v.mul_(1 - beta)
        n, n_units = weight.shape[:2]
        post = grad_current[1:].permute(1, 0, 2, 3).reshape(n, -1, n_units)
        pre = spikes[:-1].permute(1, 0, 2, 3).reshape(n, -1, n_units)
        return grad_current, torch.bmm(post.transpose(1, 2), pre), None, None, None


def _spiking_loop(model, current, weight):
    """`digimus.models.spiking.lif_loop` with a dimension of networks."""
    beta, rho = (x[:, None] if isinstance(x, torch.Tensor) else x for x in model.time_constants)
    by_delay = []
    for delay in model.delay_values:
        of_delay = weight if model.delays is None else weight * (model.delays == delay)
        by_delay.append((delay, of_delay.transpose(1, 2)))
    v = s = a = torch.zeros_like(current[0])
    spikes = []
    for t, drive in enumerate(current.unbind(0)):
        for delay, to_post in by_delay:
            if t >= delay:
                drive = torch.baddbmm(drive, spikes[t - delay], to_post)
        kept = v * (1 - s) if model.reset == "hard" else v - model.threshold * s
        v = beta * kept + (1 - beta) * drive
        over = v - model.threshold
        if model.adaptation:
            a = rho * a + (1 - rho) * s
            over = over - model.adaptation * a
        s = Spike.apply(over, model.surrogate)
        spikes.append(s)
    return torch.stack(spikes)


def _rates(model, inputs, noise):
    """`LeakyRNN.forward` of every network."""
    drive = _linear(inputs.permute(2, 0, 1, 3), model.w_in, model.b)
    if noise is not None:
        drive = drive + model.recurrent_noise * noise
    to_post = model.w.transpose(1, 2)
    h, states = torch.zeros_like(drive[0]), []
    for step in drive.unbind(0):
        h = torch.lerp(h, model.nonlinearity(torch.baddbmm(step, h, to_post)), model.alpha)
        states.append(h)
    return _linear(torch.stack(states), model.readout.weight, model.readout.bias).permute(1, 2, 0, 3)


def _mapped(model, inputs, noise):
    """The networks' own code under vmap; those that go here are the same when training and evaluating."""
    # In training mode torch's layers keep to code that vmap knows; so does attention written out.
    model.train()
    with sdpa_kernel(SDPBackend.MATH):
        return vmap(lambda parameters, own: functional_call(model, parameters, (own,)))(
            dict(model.named_parameters()), inputs
        )


FORWARDS = {
    DigiMus: _spiking, ALIF: _spiking, LeakyRNN: _rates, TCN: _mapped, Transformer: _mapped, LRU: _mapped,
}  # fmt: skip
"""How the networks of a class are evaluated together; a class that is not here goes one by one."""
