"""The compile gate: every kernel, for each type it serves, to machine code of four architectures."""

import pytest

pytest.importorskip("numba_cuda", reason="the compile gate needs numba-cuda and ptxas: pip install 'ganth[cuda13]'")

from ganth import gate
from ganth.device import kernels


@pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: kernel.name)
def test_a_kernel_keeps_its_word(kernel):
    rows = gate.table([kernel])
    assert len(rows) == len(gate.ARCHITECTURES) * len(kernel.signatures)
    assert [words for _, row in rows for words in row.complaints(kernel)] == []


def test_every_kernel_serves_both_types_or_says_why():
    assert all(kernel.signatures for kernel in kernels())


def test_a_kernel_that_spills_is_told():
    row = gate.Row("games.x", "float32", 90, 255, 0, 64, 32, 2)
    kernel = kernels()[0]
    assert len(row.complaints(kernel)) == 3
