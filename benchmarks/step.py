"""One training step of the spiking network: forward, backward and Adam, beside other packages and models.

All spiking variants have the same weights, the same input product for all steps at once, and the same
leaky readout; only the recurrent layer differs. norse, snntorch and spikingjelly are put together from
their own cells, in the way that ran fastest here. The input is 100 steps of a rule task.

Loss, norm of the gradient of W, and share of units that spike must agree as far as the equations do:
`plain_loop` computes what we do. norse has our equation, and spikingjelly too, with surrogate derivatives
of other slopes: their gradients differ. Adam has a
learning rate of 0, so that every call computes the same. `dense_products` is all matrix products of a
step and nothing else. The other models have as many parameters as ours, from `digimus.models.match`.

The mode `tuned` keeps freed memory (glibc's thresholds) and allows float32 products of lower precision
(`torch.set_float32_matmul_precision("medium")`). Memory is the growth of the process in its first step.
"""

import numpy as np

from harness import Case

PEERS = {"norse", "snntorch", "spikingjelly"}
SPIKING = ("spikingjelly", "norse", "snntorch")
MODELS = ("lstm", "gru", "tcn", "transformer", "lru")
N_INPUTS, N_OUTPUTS = 85, 33
SIZES = ((256, 64), (256, 16), (128, 32))
N_STEPS = 100
TASK = "dm1"
TUNED = dict.fromkeys(["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"], str(10**10))
FAST_GOALS = {(256, 64): 2.7, (128, 32): 4.5}
TORCH_GOALS = {(256, 64): 1.5, (128, 32): 2.5}
DENSE_GOAL = 1 / 1.2
MEMORY_GOALS = {"snntorch": 1 / 0.75, "plain_loop": 1.0}
SURROGATE_SLOPE = 5.0
# The same sums in another order can let a potential pass the threshold a step earlier or later.
RTOL = {"pure_torch": 1e-3, "plain_loop": 1e-3} | dict.fromkeys(SPIKING, 1e-3)


def cases(folder, quick):
    """Every size in both modes; weights, inputs, targets and mask in one file a size."""
    found = []
    for n_units, batch in ((12, 3),) if quick else SIZES:
        n_steps = 10 if quick else N_STEPS
        path, models = _write(folder, n_units, batch, n_steps)
        for mode in ("default",) if quick else ("default", "tuned"):
            arguments = {"path": path, "mode": mode, "n_units": n_units, "models": models}
            case = Case(
                f"{n_units} units x batch {batch} x {n_steps} steps, {mode}",
                arguments,
                ("plain_loop", "lstm") if quick else (*SPIKING, "plain_loop", "dense_products", *MODELS),
                _goals(n_units, batch),
                rtol=RTOL,
                ours=("digimus", "pure_torch"),
                environment=TUNED if mode == "tuned" else {},
                memory_goals=_of_both(MEMORY_GOALS) if mode == "default" else {},
            )
            found.append(case)
    return found


def _goals(n_units, batch):
    goals = {"lstm": 1.0, "gru": 1.0}
    if (n_units, batch) == SIZES[0]:
        goals["pure_torch", "dense_products"] = DENSE_GOAL
    for peer in SPIKING if (n_units, batch) in FAST_GOALS else ():
        goals |= {peer: FAST_GOALS[n_units, batch], ("pure_torch", peer): TORCH_GOALS[n_units, batch]}
    return goals


def _of_both(goals):
    return goals | {("pure_torch", peer): goal for peer, goal in goals.items()}


def _write(folder, n_units, batch, n_steps):
    """The path of a file with a network's start and a batch, and the settings of models of equal size."""
    from digimus.models import build, matched_settings, n_parameters
    from digimus.seeding import stream
    from digimus.tasks import make_batch

    network = build("digimus", N_INPUTS, N_OUTPUTS, n_units=n_units)
    trials = (make_batch(TASK, batch, stream(0, "benchmark", k)) for k in range(1000))
    drawn = next(trial for trial in trials if trial.inputs.shape[1] >= n_steps)
    arrays = {name: values.detach().numpy() for name, values in network.named_parameters()}
    arrays |= {
        name: getattr(drawn, name)[:, :n_steps].contiguous().numpy() for name in ("inputs", "targets", "mask")
    }
    path = folder / f"step_{n_units}_{batch}.npz"
    np.savez(path, beta=network.beta, kappa=network.kappa, threshold=network.threshold, **arrays)
    wanted = n_parameters(network)
    models = {kind: matched_settings(build, kind, N_INPUTS, N_OUTPUTS, wanted) for kind in MODELS}
    return str(path), models


def _start(arguments):
    """torch with one thread and the wanted precision, and the file's arrays."""
    import torch

    torch.set_num_threads(1)
    if arguments["mode"] == "tuned":
        torch.set_float32_matmul_precision("medium")
    with np.load(arguments["path"]) as file:
        return torch, {name: file[name] for name in file.files}


def _timed(torch, arrays, parameters, forward, numbers=lambda forward, loss: []):
    """A training step, run once on a part of the batch, so that everything is loaded and compiled."""
    optimizer = torch.optim.Adam(parameters, lr=0.0, fused=True)
    inputs, targets, mask = (torch.from_numpy(arrays[name]) for name in ("inputs", "targets", "mask"))

    def step(part=slice(None)):
        optimizer.zero_grad()
        outputs = torch.sigmoid(forward(inputs[part, part]))
        loss = ((targets[part, part] - outputs) * mask[part, part]).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step(slice(0, 2))
    return step, lambda loss: numbers(inputs, float(loss))


def _model(arguments, kind, settings, change=lambda model: None):
    """The step of one of our models; of a spiking one loss, share of spikes and gradient are compared."""
    from digimus.models import build

    torch, arrays = _start(arguments)
    model = build(kind, N_INPUTS, N_OUTPUTS, **settings)
    change(model)

    def numbers(inputs, loss):
        assert np.isfinite(loss) and all(float(p.grad.norm()) > 0 for p in model.parameters())
        if kind != "digimus":
            return []
        with torch.no_grad():
            return [loss, float(model.spikes(inputs).mean()), float(model.w.grad.norm())]

    if kind == "digimus":
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(arrays[name]))
    return _timed(torch, arrays, model.parameters(), model, numbers)


def run_digimus(arguments):
    return _model(arguments, "digimus", {"n_units": arguments["n_units"]})


def run_pure_torch(arguments):
    def change(model):
        model.compiles = False

    return _model(arguments, "digimus", {"n_units": arguments["n_units"]}, change)


def run_lstm(arguments):
    return _model(arguments, "lstm", arguments["models"]["lstm"])


def run_gru(arguments):
    return _model(arguments, "gru", arguments["models"]["gru"])


def run_tcn(arguments):
    return _model(arguments, "tcn", arguments["models"]["tcn"])


def run_transformer(arguments):
    return _model(arguments, "transformer", arguments["models"]["transformer"])


def run_lru(arguments):
    return _model(arguments, "lru", arguments["models"]["lru"])


def _loop(arguments, make_cell, *, scaled=False, compares_gradient=False):
    """The step of a network whose recurrent layer is a loop over a cell, in torch alone.

    `make_cell(torch, constants)` gives a function from the input of a step and the state to spikes and
    the next state, and one from zeros of a step's shape to the first state. Where the cell does not
    scale its input by 1 - beta, input and weights are scaled before the loop.
    """
    torch, arrays = _start(arguments)
    linear = torch.nn.functional.linear
    names = ("w_in", "w", "b", "readout.weight", "readout.bias")
    parameters = [torch.nn.Parameter(torch.from_numpy(arrays[name])) for name in names]
    w_in, w, b, w_out, b_out = parameters
    constants = {name: float(arrays[name]) for name in ("beta", "kappa", "threshold")}
    factor = 1 - constants["beta"] if scaled else 1.0
    cell, first = make_cell(torch, constants)

    def spikes(inputs):
        current = linear(inputs.transpose(0, 1), factor * w_in, factor * b)
        to_post, found = factor * w.t(), []
        s = torch.zeros_like(current[0])
        state = first(s)
        for step in current.unbind(0):
            s, state = cell(torch.addmm(step, s, to_post), state)
            found.append(s)
        return torch.stack(found)

    def forward(inputs):
        projected = linear(spikes(inputs), w_out)
        return (_leaky_filter(torch, projected, constants["kappa"]) + b_out).transpose(0, 1)

    def numbers(inputs, loss):
        gradient = float(w.grad.norm())
        assert np.isfinite(gradient) and gradient > 0
        with torch.no_grad():
            share = float(spikes(inputs).mean())
        return [loss, share, gradient] if compares_gradient else [loss, share]

    return _timed(torch, arrays, parameters, forward, numbers)


def _leaky_filter(torch, signal, kappa):
    """y_t = kappa y_{t-1} + (1 - kappa) x_t along the first axis, as a product, as ours is."""
    steps = torch.arange(len(signal))
    lag = steps[:, None] - steps[None, :]
    kernel = torch.where(lag >= 0, (1 - kappa) * kappa ** lag.clamp(min=0).float(), 0.0)
    return (kernel @ signal.reshape(len(signal), -1)).reshape(signal.shape)


def run_plain_loop(arguments):
    def make_cell(torch, constants):
        from digimus.models.spiking import Spike
        from digimus.models.surrogates import fast_sigmoid

        beta, threshold = constants["beta"], constants["threshold"]

        def cell(drive, kept):
            v = torch.add(drive, kept, alpha=beta)
            s = Spike.apply(v - threshold, fast_sigmoid)
            return s, v * (1 - s)

        return cell, lambda zeros: zeros

    return _loop(arguments, make_cell, scaled=True, compares_gradient=True)


def run_norse(arguments):
    """Its box cell; its surrogate derivative has a slope of its own."""

    def make_cell(torch, constants):
        from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters
        from norse.torch.module.lif_box import LIFBoxCell

        rate, threshold = torch.tensor(1 - constants["beta"]), torch.tensor(constants["threshold"])
        cell = LIFBoxCell(LIFBoxParameters(tau_mem_inv=rate, v_th=threshold), dt=1.0)
        return cell, lambda zeros: LIFBoxFeedForwardState(v=zeros)

    return _loop(arguments, make_cell)


def run_snntorch(arguments):
    """Its leaky neuron that is reset to zero; the reset has no gradient."""

    def make_cell(torch, constants):
        import snntorch
        from snntorch import surrogate

        cell = snntorch.Leaky(
            beta=constants["beta"],
            threshold=constants["threshold"],
            spike_grad=surrogate.fast_sigmoid(slope=SURROGATE_SLOPE),
            reset_mechanism="zero",
        )
        return cell, lambda zeros: zeros

    return _loop(arguments, make_cell, scaled=True)


def run_spikingjelly(arguments):
    """Its simple LIF node; its surrogate derivative of the same slope has another height."""

    def make_cell(torch, constants):
        from spikingjelly.activation_based import functional, neuron, surrogate

        node = neuron.SimpleLIFNode(
            tau=1 / (1 - constants["beta"]),
            decay_input=True,
            v_threshold=constants["threshold"],
            surrogate_function=surrogate.SoftSign(alpha=SURROGATE_SLOPE),
        )
        return lambda drive, _: (node(drive), None), lambda zeros: functional.reset_net(node)

    return _loop(arguments, make_cell)


def run_dense_products(arguments):
    """All matrix products of a step: input, recurrence and readout, forward and backward; no filter."""
    torch, arrays = _start(arguments)
    w_in, w, w_out = (torch.from_numpy(arrays[name]) for name in ("w_in", "w", "readout.weight"))
    inputs = torch.from_numpy(arrays["inputs"]).transpose(0, 1).contiguous()
    n_steps, batch, _ = inputs.shape
    spikes = (torch.rand(n_steps, batch, len(w), generator=torch.Generator().manual_seed(0)) < 0.1).float()
    errors = torch.rand(n_steps, batch, N_OUTPUTS, generator=torch.Generator().manual_seed(1))
    flat = [values.reshape(n_steps * batch, -1) for values in (inputs, spikes, errors)]
    out = torch.empty(batch, len(w))

    def step():
        x, s, e = flat
        torch.mm(x, w_in.t())
        for one in spikes[:-1].unbind(0):
            torch.mm(one, w.t(), out=out)
        torch.mm(s, w_out.t())
        back = torch.mm(e, w_out)
        torch.mm(e.t(), s)
        for one in back.view(n_steps, batch, -1)[:-1].unbind(0):
            torch.mm(one, w, out=out)
        torch.mm(back.t(), s)
        torch.mm(back.t(), x)

    return step, lambda result: []
