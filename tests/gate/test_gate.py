"""The compile gate: every kernel, for each type it serves, to machine code of four architectures."""

import dataclasses
import pathlib

import pytest

pytest.importorskip("numba_cuda", reason="the compile gate needs numba-cuda and ptxas: pip install 'ganth[cuda13]'")

from ganth import gate, roofline
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


@pytest.mark.parametrize(("architecture", "complaints"), [(80, 2), (90, 2), (75, 0), (100, 0)])
def test_a_reason_excuses_spills_on_other_architectures_alone(architecture, complaints):
    kernel = dataclasses.replace(kernels()[0], spill="its sizes are what they are", resident=1)
    row = gate.Row("games.x", "float64", architecture, 255, 0, 8, 16, 1)
    assert len(row.complaints(kernel)) == complaints


def test_full_figures_fit_their_time_by_the_roofline():
    chosen = [one for one in kernels() if one.name.endswith(("play_relu_2", "play_2_float64", "play_any_float64"))]
    found = roofline.estimates(gate.table(chosen, [90]), roofline.GPUS["H100"])
    seconds = {name: [one.seconds for one in found if one.what.startswith(name)] for name in ("ED Fig. 5", "KD Fig. 3")}
    assert 1 < max(seconds["ED Fig. 5"]) < 120
    assert len(seconds["KD Fig. 3"]) == 2
    assert 1 < sum(seconds["KD Fig. 3"]) < 30


def test_the_table_in_the_docs_names_every_kernel():
    told = (pathlib.Path(__file__).parents[2] / "benchmarks" / "results" / "kernels.txt").read_text()
    listed = {line.split()[0] for line in told.partition("\n\n")[0].splitlines()[1:]}
    assert listed == {one.name for one in kernels()}
