"""Any bytes, and valid files altered in any way, for readers that must answer with a value or their own error."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EFFORT = [pytest.param(12, id="few"), pytest.param(300, id="many", marks=pytest.mark.long)]
"""How many examples are tried: every day, and in the long tests."""
MOST_BYTES = 50_000_000
MOST_SECONDS = 10.0
TELLING = [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0" * 8, b"\n", b"\xff\xfe", b'"', b"{", b"-1", b"1e999"]


@st.composite
def altered(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` with up to four parts overwritten, cut out, repeated, inserted, or all behind them cut off."""
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 64)))
        piece = draw(st.sampled_from(TELLING) | st.binary(max_size=16))
        match draw(st.integers(0, 4)):
            case 0:
                content[start : start + len(piece)] = piece
            case 1:
                content[start:start] = piece
            case 2:
                del content[start:end]
            case 3:
                content[end:end] = content[start:end]
            case _:
                del content[start:]
    return bytes(content)


def any_bytes(*valid: bytes) -> st.SearchStrategy[bytes]:
    """Altered valid files for the most part, and bytes of no kind."""
    return st.one_of(*map(altered, valid), *map(altered, valid), st.binary(max_size=300))


def judge(read: Callable[[], Any], refusal: type[Exception]) -> bool:
    """Whether `read` gave a value; it may refuse with `refusal` alone, in good time and without much memory."""
    started = time.process_time()
    tracemalloc.start()
    try:
        read()
    except refusal as error:
        refused = str(error)
    else:
        refused = None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST_BYTES
        assert time.process_time() - started < MOST_SECONDS
    assert refused is None or len(refused) > 10, "a refusal says what is wrong"
    return refused is None


def for_all(examples: int, *strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Call the decorated function with that many examples, at once; fixtures serve all of them."""

    def run(holds: Callable[..., None]) -> None:
        profile = settings(max_examples=examples, suppress_health_check=list(HealthCheck), deadline=None)
        profile(given(*strategies)(holds))()

    return run
