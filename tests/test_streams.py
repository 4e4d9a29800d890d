"""Random123's known answers, distributions, and independence of everything but the counter."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganth import ParameterError, streams
from ganth.formulas import random as formula

# Random123's kat_vectors for philox4x32-10: counter, key, answer.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_the_known_answers(counter, key, answer):
    words = [np.uint64(int(w, 16)) for w in counter.split()]
    low, high = (int(w, 16) for w in key.split())
    assert [int(w) for w in formula.philox(np.uint64(low | high << 32), *words)] == [int(w, 16) for w in answer.split()]


def plain_philox(key, counter):
    """Philox4x32-10 with Python's own integers."""
    words, keys = list(counter), [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [
            (second >> 32) ^ words[1] ^ keys[0],
            second & 0xFFFFFFFF,
            (first >> 32) ^ words[3] ^ keys[1],
            first & 0xFFFFFFFF,
        ]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return words


@given(key=st.integers(0, 2**64 - 1), counter=st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4))
def test_philox_is_the_plain_integer_recipe(key, counter):
    got = formula.philox(np.uint64(key), *(np.uint64(c) for c in counter))
    assert [int(word) for word in got] == plain_philox(key, counter)


@given(seed=st.integers(0, 2**64 - 1), n=st.integers(1, 9), m=st.integers(1, 9))
def test_a_shorter_draw_is_the_start_of_a_longer_one(seed, n, m):
    for draw in (streams.normal, streams.uniform):
        np.testing.assert_array_equal(draw(seed, n), draw(seed, n + m)[:n])
        np.testing.assert_array_equal(draw(seed, (n, m)).ravel(), draw(seed, n * m))


def test_each_word_of_the_counter_makes_another_stream():
    draws = [
        streams.normal(5, 4),
        streams.normal(6, 4),
        streams.normal(5 + 2**32, 4),
        streams.normal(5, 4, trial=1),
        streams.normal(5, 4, step=1),
        streams.normal(5, 4, purpose=formula.NOISE),
    ]
    assert len({tuple(d) for d in draws}) == len(draws)


def test_normals_and_uniforms_have_their_distributions():
    assert stats.kstest(streams.normal(1, 20_000), stats.norm.cdf).pvalue > 1e-3
    assert stats.kstest(streams.uniform(1, 20_000), stats.uniform.cdf).pvalue > 1e-3
    pairs = streams.normal(2, (20_000, 2))
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.03


def test_the_ends_of_the_uniform_are_never_reached():
    assert 0 < formula.uniform(np.uint32(0), np.uint32(0)) < 1e-15
    assert formula.uniform(np.uint32(2**32 - 1), np.uint32(2**32 - 1)) < 1


def test_threads_draw_the_same_bits():
    got = [None] * 4

    def work(i):
        got[i] = streams.normal(9, 1000)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert all(np.array_equal(g, got[0]) for g in got)


@pytest.mark.parametrize("seed", [None, -1, 2**64, 1.5, "7", True])
def test_a_bad_seed_is_named(seed):
    with pytest.raises(ParameterError, match="seed must be an int in"):
        streams.normal(seed, 3)
