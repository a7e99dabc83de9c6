"""The spiking network's loop over time, forward and back, as two kernels that numba compiles.

They compute what `digimus.models.spiking.lif_loop` and a leaky readout compute, for one processor core.
About one unit in fourteen spikes at a step, so what spikes send on and the gradient of the weights that
they use are sums over spikes alone. The products that stay dense (inputs, and the gradient's way back
through W) are taken in tiles of registers. Rows of units are padded to whole vectors, with zeros.

The sums of a kernel are always taken in the same order, so the same inputs give the same bits. It is not
the order of torch's products: a potential that ends within rounding of the threshold may fall on the other
side of it.
"""

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_PART = dict(nogil=True, error_model="numpy")
_WIDE = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
VECTOR_BYTES = 64 if _WIDE else 32
ROWS = 8 if _WIDE else 4
"""Rows of a tile; with two vectors to a row it fills the registers of a core."""
TILE_VECTORS, SUM_VECTORS = 2, 4


def padded(n, itemsize, n_vectors=TILE_VECTORS):
    """n, rounded up to whole groups of vectors."""
    lanes = VECTOR_BYTES // itemsize * n_vectors
    return -(-n // lanes) * lanes


# Two pieces that are written as instructions, because only so do their sums stay in registers.


class _Vectors:
    """Emits vector instructions for arrays of one element type."""

    def __init__(self, context, builder, array_type):
        self.context, self.builder = context, builder
        self.element = context.get_value_type(array_type.dtype)
        self.size = array_type.dtype.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.size
        self.type = ir.VectorType(self.element, self.lanes)

    def data(self, array_type, array):
        """Pointer to an array's first element."""
        return self.context.make_array(array_type)(self.context, self.builder, array).data

    def place(self, pointer, offset, n):
        """Pointers to n vectors, one after the other."""
        index = offset.type
        places = [self.builder.add(offset, ir.Constant(index, k * self.lanes)) for k in range(n)]
        return [
            self.builder.bitcast(self.builder.gep(pointer, [at]), self.type.as_pointer()) for at in places
        ]

    def load(self, places):
        loaded = [self.builder.load(at) for at in places]
        for vector in loaded:
            vector.align = self.size
        return loaded

    def store(self, places, vectors, adds):
        """memory = vector for each, or memory += vector if `adds`."""
        none = ir.Constant(self.type, None)
        for at, before, vector in zip(places, self.load(places), vectors, strict=True):
            before = self.builder.select(adds, before, none)
            self.builder.store(self.builder.fadd(before, vector), at).align = self.size

    def spread(self, pointer, offset):
        """A vector that has one number of memory in all of its places."""
        number = self.builder.load(self.builder.gep(pointer, [offset]))
        none = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(none, number, ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, none, everywhere)

    def loop(self, n, n_sums, body):
        """body(k, sums) -> sums for k from 0 to n - 1, at least once; sums start from 0."""
        builder = self.builder
        before = builder.block
        inside, after = builder.append_basic_block("inside"), builder.append_basic_block("after")
        builder.branch(inside)
        builder.position_at_end(inside)
        k = builder.phi(n.type)
        sums = [builder.phi(self.type) for _ in range(n_sums)]
        new = body(k, sums)
        later = builder.add(k, ir.Constant(n.type, 1))
        k.add_incoming(ir.Constant(n.type, 0), before)
        k.add_incoming(later, inside)
        for old, vector in zip(sums, new, strict=True):
            old.add_incoming(ir.Constant(self.type, None), before)
            old.add_incoming(vector, inside)
        builder.cbranch(builder.icmp_signed("<", later, n), inside, after)
        builder.position_at_end(after)
        return new


_FUSED = ("contract",)


def _tile(n_rows):
    """An intrinsic that sets n_rows x TILE_VECTORS vectors of c to a product with rows of w, or adds it."""

    @intrinsic
    def tile(typing, c, c_at, c_row, a, a_at, a_row, a_step, w, w_at, w_row, n, adds):
        whole = (types.intp,)
        signature = types.void(c, *whole * 2, a, *whole * 3, w, *whole * 3, types.boolean)

        def generate(context, builder, signature, arguments):
            c, c_at, c_row, a, a_at, a_row, a_step, w, w_at, w_row, n, adds = arguments
            vectors = _Vectors(context, builder, signature.args[0])
            c, a, w = (vectors.data(signature.args[k], array) for k, array in ((0, c), (3, a), (7, w)))

            def body(k, sums):
                right = builder.add(w_at, builder.mul(w_row, k))
                right = vectors.load(vectors.place(w, right, TILE_VECTORS))
                at = builder.add(a_at, builder.mul(a_step, k))
                new = []
                for row in range(n_rows):
                    offset = builder.add(at, builder.mul(a_row, ir.Constant(a_row.type, row)))
                    left = vectors.spread(a, offset)
                    new += [builder.fmul(left, vector, flags=_FUSED) for vector in right]
                return [builder.fadd(x, s, flags=_FUSED) for x, s in zip(new, sums, strict=True)]

            sums = vectors.loop(n, n_rows * TILE_VECTORS, body)
            for row in range(n_rows):
                at = builder.add(c_at, builder.mul(c_row, ir.Constant(c_row.type, row)))
                part = sums[row * TILE_VECTORS : (row + 1) * TILE_VECTORS]
                vectors.store(vectors.place(c, at, TILE_VECTORS), part, adds)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _row_sum(n_vectors):
    """An intrinsic that sets n_vectors vectors of c to the sum of the listed rows of w, or adds it."""

    @intrinsic
    def row_sum(typing, c, c_at, w, w_at, w_row, listed, first, n, adds):
        whole = (types.intp,)
        signature = types.void(c, *whole, w, *whole * 2, listed, *whole * 2, types.boolean)

        def generate(context, builder, signature, arguments):
            c, c_at, w, w_at, w_row, listed, first, n, adds = arguments
            vectors = _Vectors(context, builder, signature.args[0])
            c, w, listed = (vectors.data(signature.args[k], x) for k, x in ((0, c), (2, w), (5, listed)))

            def body(k, sums):
                row = builder.load(builder.gep(listed, [builder.add(first, k)]))
                at = builder.add(w_at, builder.mul(w_row, builder.zext(row, w_row.type)))
                new = vectors.load(vectors.place(w, at, n_vectors))
                return [builder.fadd(s, x) for s, x in zip(sums, new, strict=True)]

            sums = vectors.loop(n, n_vectors, body)
            vectors.store(vectors.place(c, c_at, n_vectors), sums, adds)
            return context.get_dummy_value()

        return signature, generate

    return row_sum


@intrinsic
def _list_vector(typing, units, last, x, at, unit):
    """Writes the units whose numbers in a vector of x are 0 or above to `units`; how many they are.

    It writes a whole vector of units, of which those after the last one mean nothing.
    """

    def generate(context, builder, signature, arguments):
        units, last, x, at, unit = arguments
        vectors = _Vectors(context, builder, signature.args[2])
        units, x = vectors.data(signature.args[0], units), vectors.data(signature.args[2], x)
        (numbers,) = vectors.load(vectors.place(x, at, 1))
        fires = builder.fcmp_ordered(">=", numbers, ir.Constant(vectors.type, None))
        short = ir.IntType(32)
        listed = ir.VectorType(short, vectors.lanes)
        none = ir.Constant(listed, ir.Undefined)
        first = builder.insert_element(none, builder.trunc(unit, short), ir.Constant(short, 0))
        all_first = builder.shuffle_vector(first, none, ir.Constant(listed, [0] * vectors.lanes))
        numbered = builder.add(all_first, ir.Constant(listed, list(range(vectors.lanes))))
        kind = ir.FunctionType(listed, (listed, fires.type, listed))
        name = f"llvm.experimental.vector.compress.v{vectors.lanes}i32"
        front = builder.call(_declared(builder.module, kind, name), [numbered, fires, none])
        place = builder.bitcast(builder.gep(units, [last]), listed.as_pointer())
        builder.store(front, place).align = 4
        return builder.zext(builder.ctpop(builder.bitcast(fires, ir.IntType(vectors.lanes))), last.type)

    return types.intp(units, types.intp, x, types.intp, types.intp), generate


@intrinsic
def _prefetch(typing, x, at):
    """Asks for the memory of x[at] to be brought near."""

    def generate(context, builder, signature, arguments):
        x, at = arguments
        pointer = context.make_array(signature.args[0])(context, builder, x).data
        place = builder.bitcast(builder.gep(pointer, [at]), ir.IntType(8).as_pointer())
        short = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), (place.type, short, short, short))
        reading, near, data = (ir.Constant(short, value) for value in (0, 3, 1))
        function = _declared(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, reading, near, data])
        return context.get_dummy_value()

    return types.void(x, types.intp), generate


def _declared(module, kind, name):
    """An instruction of LLVM that has no method of the builder."""
    return module.globals.get(name) or ir.Function(module, kind, name)


_tile_of_rows, _tile_of_one = _tile(ROWS), _tile(1)
_sum_of_many, _sum_of_one = _row_sum(SUM_VECTORS), _row_sum(1)


@njit(**_PART)
def _prefetch_rows(x, begin, end, t):
    """Asks for x[begin:end, t], which lie far apart, if there is such a step."""
    n_steps, n_inputs = x.shape[1:]
    if not 0 <= t < n_steps:
        return
    for i in range(begin, end):
        for k in range(0, n_inputs, 64 // x.itemsize):
            _prefetch(x, (i * n_steps + t) * n_inputs + k)


@njit(**_PART)
def _product(c, c_row, a, a_at, a_row, a_step, w, w_row, w_panel, n_rows, n_columns, n, adds):
    """C = A W, or C += A W.

    A[r, k] is a's element a_at + r a_row + k a_step. W has n rows, w_row apart; its columns come in panels
    of the width of a tile, w_panel apart.
    """
    whole, columns = n_rows - n_rows % ROWS, TILE_VECTORS * VECTOR_BYTES // c.itemsize
    for panel in range(n_columns // columns):
        w_at, column = panel * w_panel, panel * columns
        for r in range(0, whole, ROWS):
            at = r * c_row + column
            _tile_of_rows(c, at, c_row, a, a_at + r * a_row, a_row, a_step, w, w_at, w_row, n, adds)
        for r in range(whole, n_rows):
            at = r * c_row + column
            _tile_of_one(c, at, c_row, a, a_at + r * a_row, a_row, a_step, w, w_at, w_row, n, adds)


@njit(**_PART)
def _sum_rows(c, c_at, w, w_row, n_columns, listed, first, n, adds):
    """c = the sum of the rows of w that stand in `listed` from place `first` on, or c += it."""
    if n == 0:
        if not adds:
            for column in range(c_at, c_at + n_columns):
                c[column] = 0
        return
    column, lanes = 0, VECTOR_BYTES // c.itemsize
    while column + SUM_VECTORS * lanes <= n_columns:
        _sum_of_many(c, c_at + column, w, column, w_row, listed, first, n, adds)
        column += SUM_VECTORS * lanes
    while column < n_columns:
        _sum_of_one(c, c_at + column, w, column, w_row, listed, first, n, adds)
        column += lanes


# What happens to one row of units. Few arrays in a loop, or the compiler would not turn it into vectors.


@njit(**_PART)
def _drive(drive, r, b, noise, t, i, sent, n):
    """Adds to the drive from the inputs the bias, noise, and what spikes sent."""
    if noise.size:
        for j in range(n):
            drive[r, j] = drive[r, j] + b[j] + noise[t, i, j] + sent[i, j]
    else:
        for j in range(n):
            drive[r, j] = drive[r, j] + b[j] + sent[i, j]


@njit(**_PART)
def _charge(v, m, kept, i, drive, r, beta, gain, n):
    """v = beta kept + (1 - beta) drive."""
    for j in range(n):
        v[m, j] = beta[j] * kept[i, j] + gain[j] * drive[r, j]


@njit(**_PART)
def _adapt(a, m, before, s, i, rho, rise, n):
    """a = rho a + (1 - rho) s; `before` holds the last a."""
    for j in range(n):
        before[i, j] = rho[j] * before[i, j] + rise[j] * s[i, j]
        a[m, j] = before[i, j]


@njit(**_PART)
def _overshoot(over, v, a, m, threshold, adaptation, n):
    """v - v_th - b a."""
    if adaptation == 0:
        for j in range(n):
            over[j] = v[m, j] - threshold
    else:
        for j in range(n):
            over[j] = (v[m, j] - threshold) - adaptation * a[m, j]


@njit(**_PART)
def _fire(s, kept, i, over, v, m, threshold, hard, n):
    """Spikes where v is at the threshold or above, and the potential after the reset."""
    one, zero = over.dtype.type(1), over.dtype.type(0)
    if hard:
        for j in range(n):
            spike = one if over[j] >= zero else zero
            s[i, j] = spike
            kept[i, j] = v[m, j] * (one - spike)
    else:
        for j in range(n):
            spike = one if over[j] >= zero else zero
            s[i, j] = spike
            kept[i, j] = v[m, j] - threshold * spike


@njit(**_PART)
def _list_spikes(units, last, over):
    """Writes the units that spike from place `last` on; the place after them."""
    for begin in range(0, len(over), VECTOR_BYTES // over.itemsize):
        last += _list_vector(units, last, over, begin, begin)
    return last


@njit(cache=True, **_PART)
def forward(
    x, noise, w_in, w_on, b, beta, gain, rho, rise, threshold, adaptation, hard, kappa, mix, keeps,
    v, a, units, ends, spikes, y, drive, sent, kept, s, before, over,
):  # fmt: skip
    """Spikes and readout of a network.

    Parameters
    ----------
    x : array, shape (batch, time, input)
    noise : array, shape (time, batch, unit)
        Added to the current; of size 0 without.
    w_in : array, shape (panel, input, columns of a panel)
    w_on : array, shape (unit, width + output width)
        Where a unit's spike goes: W[:, unit] and the readout's.
    b, beta, gain, rho, rise : array, shape (unit,)
        Bias, decays, and 1 minus them.
    threshold, adaptation, kappa, mix : float
        v_th, b, the readout's decay and 1 minus it.
    hard, keeps : bool
        Hard reset; keep what the way back needs.
    v, a : array, shape (time * batch, width), or (batch, width) if not kept
        Out: potentials and adaptation, row t * batch + i.
    units : array of int32
    ends : array of int64, shape (time * batch + 1,)
        Out: the units that spiked in row m stand in places ends[m] to ends[m + 1] of `units`, if kept.
    spikes : array, shape (time, batch, unit)
        Out, unless of size 0.
    y : array, shape (batch, time, output)
        Out: the filtered readout without its bias.
    drive, sent, kept, s, before, over : array
        Working space: (ROWS, width), (batch, row of w_on), three (batch, width), (width,), zeros at first.
    """
    n_batch, n_steps, n_inputs = x.shape
    n, width, row, n_outputs, tile = len(b), drive.shape[1], w_on.shape[1], y.shape[2], w_in.shape[2]
    over[n:] = -1  # no unit, no spike
    # Products and sums over spikes take flat arrays: one kind, so that they are compiled once.
    x_1d, drive_1d, sent_1d = x.reshape(-1), drive.reshape(-1), sent.reshape(-1)
    w_in, w_on = w_in.reshape(-1), w_on.reshape(-1)
    last = 0
    for t in range(n_steps):
        for begin in range(0, n_batch, ROWS):
            n_rows = min(ROWS, n_batch - begin)
            _prefetch_rows(x, begin, begin + n_rows, t + 1)
            x_at = (begin * n_steps + t) * n_inputs
            _product(
                drive_1d, width, x_1d, x_at, n_steps * n_inputs, 1, w_in, tile, tile * n_inputs, n_rows,
                width, n_inputs, False,
            )  # fmt: skip
            for r in range(n_rows):
                i = begin + r
                m = t * n_batch + i if keeps else i
                _drive(drive, r, b, noise, t, i, sent, n)
                _charge(v, m, kept, i, drive, r, beta, gain, n)
                if adaptation != 0:
                    _adapt(a, m, before, s, i, rho, rise, n)
                _overshoot(over, v, a, m, threshold, adaptation, n)
                _fire(s, kept, i, over, v, m, threshold, hard, n)
                first = last if keeps else 0
                last = _list_spikes(units, first, over)
                if keeps:
                    ends[m + 1] = last
                _sum_rows(sent_1d, i * row, w_on, row, row, units, first, last - first, False)
                for o in range(n_outputs):
                    past = y[i, t - 1, o] if t else y.dtype.type(0)
                    y[i, t, o] = kappa * past + mix * sent[i, width + o]
                if spikes.size:
                    for j in range(n):
                        spikes[t, i, j] = s[i, j]


FAST_SIGMOID, TRIANGULAR, RECTANGULAR = range(3)


@njit(**_PART)
def _slopes(slope, over, kind, n):
    """The surrogates of `digimus.models.surrogates`, with their default shapes."""
    one, zero = over.dtype.type(1), over.dtype.type(0)
    five, two, half = over.dtype.type(5), over.dtype.type(2), over.dtype.type(0.5)
    if kind == FAST_SIGMOID:
        for j in range(n):
            x = one + five * abs(over[j])
            slope[j] = one / (x * x)
    elif kind == TRIANGULAR:
        for j in range(n):
            x = one - two * abs(over[j])
            slope[j] = x if x > zero else zero
    else:
        for j in range(n):
            slope[j] = one if abs(over[j]) < half else zero


@njit(**_PART)
def _through_reset(to_spike, r, g, i, v, m, beta, threshold, hard, n):
    """Adds to the gradient of a spike what its reset takes from the next potential."""
    if hard:
        for j in range(n):
            to_spike[r, j] -= beta[j] * v[m, j] * g[i, j]
    else:
        for j in range(n):
            to_spike[r, j] -= beta[j] * threshold * g[i, j]


@njit(**_PART)
def _through_leak(g, i, to_spike, r, slope, over, beta, hard, n):
    """The gradient of a potential, from that of its spike and of the next potential."""
    zero = over.dtype.type(0)
    if hard:
        for j in range(n):
            g[i, j] = to_spike[r, j] * slope[j] + (zero if over[j] >= zero else beta[j] * g[i, j])
    else:
        for j in range(n):
            g[i, j] = to_spike[r, j] * slope[j] + beta[j] * g[i, j]


@njit(**_PART)
def _through_adaptation(g_a, i, to_spike, r, slope, rho, adaptation, n):
    """The gradient of the adaptation, from that of the threshold's overshoot and of the next adaptation."""
    for j in range(n):
        g_a[i, j] = rho[j] * g_a[i, j] - adaptation * (to_spike[r, j] * slope[j])


@njit(**_PART)
def _of_decays(d_beta, d_rho, g, g_a, i, v, a, m, m_before, over, threshold, adaptation, hard, n):
    """Adds to (1 - beta) times the gradient of beta, and to that of rho, what one row of a step gives.

    The drive is (v - beta kept) / (1 - beta), so dv / dbeta = kept - drive = (kept - v) / (1 - beta).
    """
    one, zero = over.dtype.type(1), over.dtype.type(0)
    if m_before < 0:
        for j in range(n):
            d_beta[j] -= g[i, j] * v[m, j]
        return
    _overshoot(over, v, a, m_before, threshold, adaptation, n)
    for j in range(n):
        spike = one if over[j] >= zero else zero
        kept = v[m_before, j] * (one - spike) if hard else v[m_before, j] - threshold * spike
        d_beta[j] += g[i, j] * (kept - v[m, j])
    if adaptation != 0:
        for j in range(n):
            spike = one if over[j] >= zero else zero
            d_rho[j] += g_a[i, j] * (a[m_before, j] - spike)


@njit(**_PART)
def _list_rows(rows, begins, units, ends, m, n_batch, n):
    """The rows of a step in which each unit spiked: places begins[unit] to begins[unit + 1] of `rows`."""
    begins[: n + 1] = 0
    for place in range(ends[m], ends[m + n_batch]):
        begins[units[place] + 1] += 1
    for unit in range(n):
        begins[unit + 1] += begins[unit]
    for i in range(n_batch):
        for place in range(ends[m + i], ends[m + i + 1]):
            unit = units[place]
            rows[begins[unit]] = i
            begins[unit] += 1
    for unit in range(n, 0, -1):
        begins[unit] = begins[unit - 1]
    begins[0] = 0


@njit(cache=True, **_PART)
def backward(
    grad_y, grad_spikes, x, w_back, beta, gain, rho, rise, threshold, adaptation, hard, kappa, mix, kind,
    learnt, v, a, units, ends, d_in, d_on, d_b, d_beta, d_rho, d_current,
    out, to_spike, g, g_a, over, slope, rows, begins, everyone,
):  # fmt: skip
    """Gradients of what `forward` computed; arguments of the same name are the same.

    Parameters
    ----------
    grad_y : array, shape (batch, time, output)
    grad_spikes : array, shape (time, batch, unit)
        Of size 0 without.
    w_back : array, shape (panel, width + output, columns of a panel)
        W, and below it the readout's weights; zeros between.
    kind : int
        Of the surrogate.
    learnt : bool
        Give gradients of beta and rho.
    d_in, d_on : array, shape (input, width), shape of w_on
    d_b : array, shape (width,)
    d_beta, d_rho : array, shape (unit,)
        Out, zeros at first; that of beta is to be divided by 1 - beta.
    d_current : array, shape (time, batch, unit)
        Out, unless of size 0.
    out, to_spike, g, g_a, over, slope, rows, begins : array
        Working space: (batch, row of w_on), (ROWS, width), two (batch, width), two (width,), zeros at first;
        of int32 (batch * unit,), of int64 (unit + 1,).
    everyone : array of int32
        0 to batch - 1.
    """
    n_batch, n_steps, n_inputs = x.shape
    n, width, row = len(beta), d_in.shape[1], d_on.shape[1]
    n_outputs, n_back, tile = grad_y.shape[2], w_back.shape[1], w_back.shape[2]
    x_1d, out_1d, to_spike_1d = x.reshape(-1), out.reshape(-1), to_spike.reshape(-1)
    d_in, d_on, w_back = d_in.reshape(-1), d_on.reshape(-1), w_back.reshape(-1)
    for t in range(n_steps - 1, -1, -1):
        # A row of `out`: the gradients of all that the spikes of this step drive, the next step's current
        # and this step's readout.
        for i in range(n_batch):
            for o in range(n_outputs):
                out[i, width + o] = kappa * out[i, width + o] + mix * grad_y[i, t, o]
        _list_rows(rows, begins, units, ends, t * n_batch, n_batch, n)
        for unit in range(n):
            first = begins[unit]
            n_rows = begins[unit + 1] - first
            _sum_rows(d_on, unit * row, out_1d, row, row, rows, first, n_rows, True)
        for begin in range(0, n_batch, ROWS):
            n_rows = min(ROWS, n_batch - begin)
            _prefetch_rows(x, begin, begin + n_rows, t - 1)
            _product(
                to_spike_1d, width, out_1d, begin * row, row, 1, w_back, tile, tile * n_back, n_rows, width,
                n_back, False,
            )  # fmt: skip
            for r in range(n_rows):
                i = begin + r
                m = t * n_batch + i
                if grad_spikes.size:
                    for j in range(n):
                        to_spike[r, j] += grad_spikes[t, i, j]
                _overshoot(over, v, a, m, threshold, adaptation, n)
                _slopes(slope, over, kind, n)
                _through_reset(to_spike, r, g, i, v, m, beta, threshold, hard, n)
                if adaptation != 0:
                    for j in range(n):
                        to_spike[r, j] += rise[j] * g_a[i, j]
                    _through_adaptation(g_a, i, to_spike, r, slope, rho, adaptation, n)
                _through_leak(g, i, to_spike, r, slope, over, beta, hard, n)
                if learnt:
                    m_before = m - n_batch if t else -1
                    _of_decays(
                        d_beta, d_rho, g, g_a, i, v, a, m, m_before, over, threshold, adaptation, hard, n
                    )
                for j in range(n):
                    out[i, j] = gain[j] * g[i, j]
                if d_current.size:
                    for j in range(n):
                        d_current[t, i, j] = out[i, j]
        _product(
            d_in, width, x_1d, t * n_inputs, 1, n_steps * n_inputs, out_1d, row, tile, n_inputs, width,
            n_batch, True,
        )  # fmt: skip
        _sum_rows(d_b, 0, out_1d, row, width, everyone, 0, n_batch, True)
