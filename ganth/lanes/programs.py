"""What a block of CUDA threads does with a tile of points in dense networks, as a table: a row for each piece of work.

Everything of a trial lies in one flat room, and a row says where: the arrays of `Places`.  Those of layers hold all
layers of a network, one after the other (units, pitch); see `on_device`.
"""

from collections import namedtuple

import numpy as np

PUT_LATENTS, PUT_POINTS, PUT_SLOPES, MOVE, PULL, MEASURE, COPY, PRODUCT, ACTIVATE, NOISE, BEND_UP, BEND_DOWN = range(12)
# What a number of a product starts from, and what becomes of it: a bias; 0; 0, then times a unit's slope; itself, or 0
# for the first tile of a step.
BIAS, ZERO, SLOPES, MORE = range(4)
SIZES, UNITS, PLACES, STARTS = range(4)  # rows of a network's plan
GENERATOR, DISCRIMINATOR = range(2)
WIDTH = -1  # stands for the points of a tile

# Columns of a table.  `count`: terms of each sum; `biases`: where a product's sums start, or where sums of `left` go.
Row = namedtuple(
    "Row",
    "action network mode out out_row left left_row left_step right right_column right_step rows columns count biases "
    "hidden",
    defaults=[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
)
# Where the parts of a room begin; `size`: its numbers, `inside`: those, the first, that lie in shared memory.
Places = namedtuple("Places", "layers parameters gradient extra gen_layers gen_parameters size inside")
_Layer = namedtuple("_Layer", "inputs rows below above at row")


def plan_of(sizes):
    """Return a network's plan (4, layers + 1): sizes; units before a layer's; places in a copy, and in parameters.

    The last two are of the parameters that make a layer, from 1 on; at 0 is where they end.

    >>> plan_of(np.array([3, 2, 1])).tolist()
    [[3, 2, 1], [0, 3, 5], [12, 0, 8], [11, 0, 8]]
    """
    inputs, rows = sizes[:-1], sizes[1:]
    plan = np.zeros((4, len(sizes)), np.int64)
    plan[SIZES], plan[UNITS, 1:] = sizes, np.cumsum(inputs)
    for row, counts in ((PLACES, rows * ((inputs | 1) + 1)), (STARTS, rows * (inputs + 1))):
        ends = np.cumsum(counts)
        plan[row, 0], plan[row, 2:] = ends[-1], ends[:-1]
    return plan


def places_of(gen_plan, disc_plan, points, layers_kept, shared):
    """Return the `Places` of a room for tiles of so many points; `shared`: numbers in shared memory, at most.

    In this order, each part whole: layers of the discriminator, its parameters, the gradient, more arrays of its layers
    (`layers_kept` of them), the generator's layers and parameters.
    """
    (layers, parameters), (gen_layers, gen_parameters) = (
        (int(plan[SIZES].sum()) * (points | 1), int(plan[PLACES, 0])) for plan in (disc_plan, gen_plan)
    )
    counts = [layers, parameters, max(parameters, gen_parameters), layers_kept * layers, gen_layers, gen_parameters]
    ends = [int(end) for end in np.cumsum(counts)]
    return Places(0, *ends, max([0, *(end for end in ends if end <= shared)]))


def outside(places):
    """Return the names of what lies in global memory.

    >>> outside(Places(0, 10, 30, 50, 60, 70, 90, 50))
    "extra, generator's layers, generator's parameters"
    """
    names = ("layers", "parameters", "gradient", "extra", "generator's layers", "generator's parameters")
    return ", ".join(name for name, end in zip(names, places[1:7], strict=True) if end > places.inside)


def _layers(plan, pitch):
    """Yield what rows need of each layer."""
    for layer in range(1, plan.shape[1]):
        inputs, rows = (int(size) for size in plan[SIZES, layer - 1 : layer + 1])
        below, above = (int(units) * pitch for units in plan[UNITS, layer - 1 : layer + 1])
        yield _Layer(inputs, rows, below, above, int(plan[PLACES, layer]), inputs | 1)


def forward(network, layers, hidden, read, parameters, pitch):
    """Yield the rows that fill `hidden` from the points; where `read` is another array, layers hand on noise too."""
    if read != hidden:
        yield Row(COPY, out=read, left=hidden, rows=layers[0].inputs)
    for number, layer in enumerate(layers, 1):
        above, at = hidden + layer.above, parameters + layer.at
        yield Row(
            PRODUCT, network, BIAS, above, pitch, at, layer.row, 1, read + layer.below, 1, pitch, layer.rows, WIDTH,
            layer.inputs, at + layer.rows * layer.row,
        )  # fmt: skip
        if layer is not layers[-1]:
            yield Row(ACTIVATE, network, out=above, rows=layer.rows)
            if read != hidden:
                yield Row(NOISE, network, number, read + layer.above, left=above, rows=layer.rows)


def _learn(layer, deltas, read, gradient, pitch, biased):
    """Return the row that adds to the gradient the sums over a tile of deltas times what a layer read."""
    at = gradient + layer.at
    return Row(
        PRODUCT, 0, MORE, at, layer.row, deltas + layer.above, pitch, 1, read + layer.below, pitch, 1, layer.rows,
        layer.inputs, WIDTH, at + layer.rows * layer.row if biased else -1,
    )  # fmt: skip


def _hand_down(network, mode, layer, out, parameters, deltas, hidden, pitch):
    """Return the row for deltas times a layer's weights."""
    return Row(
        PRODUCT, network, mode, out + layer.below, pitch, parameters + layer.at, 1, layer.row, deltas + layer.above, 1,
        pitch, layer.inputs, WIDTH, layer.rows, 0, hidden + layer.below,
    )  # fmt: skip


def backward(network, layers, hidden, read, deltas, parameters, gradient, pitch, learn, to_inputs):
    """Yield the rows that go back from the last layer's deltas; these may be in the place of `hidden`, and take it."""
    for layer in reversed(layers):
        first = layer is layers[0]
        if learn:
            yield _learn(layer, deltas, read, gradient, pitch, True)
        if to_inputs or not first:
            mode = ZERO if first else SLOPES
            yield _hand_down(network, mode, layer, deltas, parameters, deltas, hidden, pitch)


def pulled(network, layers, hidden, deltas, tangents, bends, parameters, gradient, pitch, bending):
    """Yield the rows of networks.add_pulled_slopes; `bending`: units bend."""
    for layer in layers:
        yield _learn(layer, deltas, tangents, gradient, pitch, False)
        if layer is not layers[-1]:
            above, at = layer.above, parameters + layer.at
            yield Row(
                PRODUCT, network, ZERO, tangents + above, pitch, at, layer.row, 1, tangents + layer.below, 1, pitch,
                layer.rows, WIDTH, layer.inputs,
            )  # fmt: skip
            yield Row(
                BEND_UP, network, out=bends + above, left=tangents + above, right=deltas + above, rows=layer.rows,
                hidden=hidden + above,
            )  # fmt: skip
    for layer in reversed(layers[:-1]) if bending else ():
        yield _learn(layer, bends, hidden, gradient, pitch, True)
        if layer is not layers[0]:
            below = layer.below
            yield _hand_down(network, ZERO, layer, tangents, parameters, bends, hidden, pitch)
            yield Row(
                BEND_DOWN, network, out=bends + below, left=tangents + below, right=deltas + below, rows=layer.inputs,
                hidden=hidden + below,
            )  # fmt: skip


def program_of(gen_plan, disc_plan, places, points, noisy, between, bending):
    """Return the table, and where the rows of each kind of tile begin and end.

    Kinds: data, generated points, points of a penalty (`between` data and generated ones, or at data), the generator's
    step, what is shown.
    """
    pitch = points | 1
    gen, disc = (list(_layers(plan, pitch)) for plan in (gen_plan, disc_plan))
    top, made = places.layers + disc[-1].above, places.gen_layers + gen[-1].above
    whole = disc[-1].above + pitch  # of an array of all layers
    table, starts = [], [0]
    for kind in range(5):
        real, fake, penalty, teach, show = (kind == k for k in range(5))
        generates = not real and (between or not penalty)
        hidden = places.layers
        read = places.extra if noisy and not (penalty or show) else hidden
        deltas = places.extra if penalty else hidden
        if generates:
            table.append(Row(PUT_LATENTS, out=places.gen_layers, rows=gen[0].inputs))
            table += forward(GENERATOR, gen, *[places.gen_layers] * 2, places.gen_parameters, pitch)
        table.append(Row(PUT_POINTS, out=hidden, left=made, rows=disc[0].inputs))
        table += forward(DISCRIMINATOR, disc, hidden, read, places.parameters, pitch)
        table.append(Row(PUT_SLOPES, out=deltas + disc[-1].above, left=top))
        table += backward(
            DISCRIMINATOR, disc, hidden, read, deltas, places.parameters, places.gradient, pitch, real or fake,
            not (real or fake),
        )  # fmt: skip
        if teach:
            table.append(Row(MOVE, out=made, left=hidden, rows=disc[0].inputs))
            table += backward(
                GENERATOR, gen, *[places.gen_layers] * 3, places.gen_parameters, places.gradient, pitch, True, False
            )
        if penalty:
            tangents, bends = places.extra + whole, places.extra + 2 * whole
            table.append(Row(PULL, out=tangents, left=deltas, rows=disc[0].inputs))
            table += pulled(
                DISCRIMINATOR, disc, hidden, deltas, tangents, bends, places.parameters, places.gradient, pitch,
                bending,
            )  # fmt: skip
        if show:
            table.append(Row(MEASURE, left=hidden, rows=disc[0].inputs))
        starts.append(len(table))
    return np.array(table, np.int64), np.array(starts, np.int64)
