"""Loops of dense networks, for the CPU."""

from numba import njit

from ..backend import compiled
from ..lanes import networks
from ..lanes.networks import Network as Network
from ..lanes.networks import Room, place_of, put_points, room_of, take_rows
from ..lanes.products import block
from ..lanes.tiles import aligned


@compiled
def buffers(network, batch, like):
    """Return what a batch's layers put out, (blocks, ...), and scratch memory for a block."""
    room = room_of(network, like, False, True)
    blocks = -(-batch // block(like))
    return aligned(blocks * room.hidden.size, like).reshape(blocks, room.hidden.size), room


@njit
def _room(room, hidden):
    """Return a room whose outputs are those of a block."""
    return Room(
        hidden, hidden, room.deltas, room.tangents, room.pulls, room.bends, room.turned, room.tile, room.zeros,
        room.even, room.odd,
    )  # fmt: skip


FORWARD, BACKWARD, PULL = range(3)


@compiled(error_model="numpy", nogil=True)
def work(phase, network, parameters, x, out, gradient, below, hidden, room):
    """Do a phase for a batch: one function, since its parts take long to compile.

    FORWARD sets out to the outputs at x.  BACKWARD takes out for the slopes in the outputs; a gradient or below that is
    empty is not asked for.  PULL takes x for the pulls and a first column of ones for out; see DenseLayers.add_pulled.
    """
    wide, last = block(parameters), network.sizes.size - 1
    start, count = place_of(network, last, parameters), network.sizes[last]
    for b in range(len(hidden)):
        one, first = _room(room, hidden[b]), b * wide
        if phase != BACKWARD:
            put_points(one.hidden if phase == FORWARD else one.tangents, x, first, network.sizes[0])
        if phase == FORWARD:
            networks.forward(network, parameters, one, None)
            take_rows(out, first, one.hidden, start, count)
            continue
        put_points(one.deltas[start:], out, first, count)
        learns = phase == BACKWARD and gradient.size > 0
        networks.backward(network, parameters, one, False, gradient, learns, below.size > 0)
        if below.size > 0:
            take_rows(below, first, one.deltas, 0, network.sizes[0])
        if phase == PULL:
            networks.add_pulled_slopes(network, parameters, one, gradient)
