"""Hashes to numbers: noise that is a function of a key and an index, the same on every machine.

Only operations that IEEE 754 rounds exactly are used (no `exp`, `log`, `sin` of the C library, no sums whose order
depends on the shape of an array), so two processes agree bit for bit.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ODD = 0xD1342543DE82EF95
_PAIRS = np.uint64(0x0000FFFF0000FFFF)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_KEPT_LENGTH_MAX = 32_768
_IRWIN_HALL_MEAN = 2 * 65_535.0
_IRWIN_HALL_DEVIATION = math.sqrt((65_536**2 - 1) / 3)


def key_of(*parts: object) -> int:
    """Name a stream of noise: 64 bits, unrelated for different parts, independent of PYTHONHASHSEED."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def keys_of(*names: tuple[object, ...]) -> Keys:
    """Give a column of keys, one a name: shape (names, 1), to be combined with a row of indices."""
    return np.array([[key_of(*name)] for name in names], np.uint64)


def derived(keys: Keys, purpose: int) -> Keys:
    """Give keys of other streams that belong to the same names."""
    return _mixed(keys + np.uint64(purpose * _ODD % 2**64))


def uniform(keys: Keys, indices: Indices) -> Floats:
    """Give numbers in [0, 1) with 53 bits, of the keys' and indices' common shape."""
    return _uniform(_mix(keys + _spread(indices)))


def uniforms(keys: Keys, first: int, end: int) -> Floats:
    """Give `uniform` numbers at the indices [first, end)."""
    return _uniform(_mix(keys + _steps(first, end)))


def _uniform(hashed: Keys) -> Floats:
    hashed >>= np.uint64(11)
    found = hashed.view(np.int64).astype(np.float64)  # signed numbers become floats in half the time
    found *= 2.0**-53
    return found


def normal(keys: Keys, indices: Indices) -> Floats:
    """Give nearly normal numbers: mean 0, deviation 1, never beyond 3.47.

    The sum of the four 16-bit quarters of a hash: Irwin-Hall with n = 4.
    """
    return _normal(_mix(keys + _spread(indices)))


def normals(keys: Keys, first: int, end: int) -> Floats:
    """Give `normal` numbers at the indices [first, end)."""
    return _normal(_mix(keys + _steps(first, end)))


def _normal(pairs: Keys) -> Floats:
    others = pairs >> np.uint64(16)
    others &= _PAIRS
    pairs &= _PAIRS
    pairs += others
    np.right_shift(pairs, np.uint64(32), out=others)
    pairs &= _LOW_HALF
    pairs += others
    found = pairs.view(np.int64).astype(np.float64)
    found -= _IRWIN_HALL_MEAN
    found *= 1.0 / _IRWIN_HALL_DEVIATION
    return found


def smooth(keys: Keys, times: Indices, period: int) -> Floats:
    """Give noise that moves from one uniform number in [-1, 1) to the next in `period`, on a straight line."""
    cells = times // period
    share = (times - cells * period) / period
    here, there = uniform(keys, cells), uniform(keys, cells + 1)
    return 2.0 * (here + (there - here) * share) - 1.0


def exponential(x: Floats) -> Floats:
    """Give e^x for |x| < 16, relative error below 1e-11: Taylor on x/1024, then squared ten times."""
    y = x * (1.0 / 1024.0)
    result = y * 0.2
    result += 1.0
    part = np.empty_like(y)
    for share in (0.25, 1.0 / 3.0, 0.5):
        np.multiply(y, share, out=part)
        result *= part
        result += 1.0
    result *= y
    result += 1.0
    for _ in range(10):
        np.square(result, out=result)
    return result


def _spread(indices: Indices) -> Keys:
    """Give what a hash takes from indices: the same for every key."""
    return indices.astype(np.uint64) * _GOLDEN


def _steps(first: int, end: int) -> Keys:
    """Give what hashes take from the indices [first, end): hundreds of contracts ask about the same ones in turn."""
    return _kept_steps(first, end) if end - first <= _KEPT_LENGTH_MAX else _spread(np.arange(first, end))


@lru_cache(256)
def _kept_steps(first: int, end: int) -> Keys:
    found = _spread(np.arange(first, end))
    found.flags.writeable = False
    return found


def _mixed(x: Keys) -> Keys:
    """Mix into a new array."""
    return _mix(x.copy())


def _mix(x: Keys) -> Keys:
    """The output function of splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").

    In place, like everything here that works on long arrays: half the time of a path is memory that comes and goes.
    """
    shifted = x >> np.uint64(30)
    x ^= shifted
    x *= np.uint64(0xBF58476D1CE4E5B9)
    np.right_shift(x, np.uint64(27), out=shifted)
    x ^= shifted
    x *= np.uint64(0x94D049BB133111EB)
    np.right_shift(x, np.uint64(31), out=shifted)
    x ^= shifted
    return x
