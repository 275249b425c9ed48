"""The door: order, conflation, bounds, and threads that wait at it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.ingress import Ingress
from domain.base import Input
from domain.catalog import encode_input
from domain.market import MarketTick, Quote
from domain.operations import ClockTicked, SessionEnded
from tests.worlds import tick

PATIENT = settings(deadline=None)  # the machine may be busy

WAIT_S = 10.0


def note(word: str) -> SessionEnded:
    return SessionEnded(word)


def all_of(door: Ingress) -> list[tuple[int, Input]]:
    found = []
    while (item := door.take(0)) is not None:
        found.append(item)
    return found


class Background:
    """A call on a thread of its own, and whether it has returned."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.result: object = None
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        self.result = call()
        self.done.set()

    def returned(self) -> object:
        assert self.done.wait(WAIT_S), "it still waits"
        self._thread.join(WAIT_S)
        return self.result


def test_inputs_come_out_as_they_went_in() -> None:
    door = Ingress()
    for number in range(5):
        assert door.offer(number, note(f"{number}"))
    assert all_of(door) == [(number, note(f"{number}")) for number in range(5)]


def test_an_empty_door_gives_nothing_after_the_time_is_over() -> None:
    assert Ingress().take(0) is None


def test_quotes_that_wait_are_replaced_by_newer_ones_and_counted() -> None:
    door = Ingress()
    door.offer(1, tick(1, BTCUSDT=1.0, ETHUSDT=2.0))
    door.offer(2, tick(2, ETHUSDT=3.0, SOLUSDT=4.0))
    door.offer(3, tick(3, ETHUSDT=5.0))
    assert all_of(door) == [(3, tick(3, BTCUSDT=1.0, ETHUSDT=5.0, SOLUSDT=4.0))]
    assert door.conflated == 2


def test_quotes_are_not_conflated_when_the_kernel_keeps_up() -> None:
    door = Ingress()
    for number in range(3):
        door.offer(number, tick(number, BTCUSDT=float(number)))
        assert door.take(0) == (number, tick(number, BTCUSDT=float(number)))
    assert door.conflated == 0


def test_a_tick_and_the_rest_come_out_in_the_order_of_their_receipt() -> None:
    door = Ingress()
    door.offer(1, note("first"))
    door.offer(2, tick(2, BTCUSDT=1.0))
    door.offer(3, note("third"))
    assert [at_ms for at_ms, _ in all_of(door)] == [1, 2, 3]


def test_a_conflated_tick_is_as_young_as_its_newest_quote() -> None:
    door = Ingress()
    door.offer(1, tick(1, BTCUSDT=1.0))
    door.offer(2, note("between"))
    door.offer(3, tick(3, BTCUSDT=2.0))
    assert all_of(door) == [(2, note("between")), (3, tick(3, BTCUSDT=2.0))]


def test_nothing_but_quotes_is_ever_dropped() -> None:
    door = Ingress()
    for number in range(1_000):
        door.offer(number, tick(number, BTCUSDT=1.0))
        door.offer(number, note(f"{number}"))
    kept = [input_ for _, input_ in all_of(door) if isinstance(input_, SessionEnded)]
    assert kept == [note(f"{number}") for number in range(1_000)]
    assert door.conflated == 999


def test_at_the_bound_the_sender_is_made_to_wait_until_something_is_taken() -> None:
    door = Ingress(items_max=2)
    for word in "ab":
        assert door.offer(0, note(word), timeout_s=0)
    assert not door.offer(0, note("refused"), timeout_s=0)
    sender = Background(lambda: door.offer(0, note("c")))
    assert not sender.done.is_set()
    assert door.take(0) == (0, note("a"))
    assert sender.returned() is True
    assert all_of(door) == [(0, note("b")), (0, note("c"))]


def test_the_bound_in_bytes_counts_what_the_tape_will_hold() -> None:
    size = len(encode_input(note("x" * 100)))
    door = Ingress(bytes_max=2 * size)
    assert door.offer(0, note("x" * 100), 0)
    assert door.offer(0, note("y" * 100), 0)
    assert not door.offer(0, ClockTicked(), 0)
    door.take(0)
    assert door.offer(0, ClockTicked(), 0)


def test_an_input_larger_than_the_bound_passes_alone() -> None:
    door = Ingress(bytes_max=10)
    assert door.offer(0, note("x" * 100), 0)
    assert not door.offer(0, note("y"), 0)
    assert door.take(0) == (0, note("x" * 100))
    assert door.offer(0, note("y"), 0)


def test_quotes_pass_a_full_door() -> None:
    door = Ingress(items_max=1)
    door.offer(0, note("a"))
    assert door.offer(1, tick(1, BTCUSDT=1.0), 0)


def test_who_waits_for_an_input_is_woken_by_it() -> None:
    door = Ingress()
    kernel = Background(lambda: door.take(None))
    door.offer(7, note("x"))
    assert kernel.returned() == (7, note("x"))
    kernel = Background(lambda: door.take(None))
    door.offer(8, tick(8, BTCUSDT=1.0))
    assert kernel.returned() == (8, tick(8, BTCUSDT=1.0))


def test_closing_lets_go_of_everybody_who_waits_and_takes_nothing_more() -> None:
    door = Ingress(items_max=1)
    door.offer(0, note("a"))
    sender = Background(lambda: door.offer(0, note("b")))
    door.close()
    assert sender.returned() is False
    assert not door.offer(0, note("c"))
    assert not door.offer(0, tick(0, BTCUSDT=1.0))
    assert door.take(None) == (0, note("a")), "what waits can still be taken"
    assert door.take(None) is None


def test_a_kernel_that_waits_at_an_empty_door_is_let_go_when_it_closes() -> None:
    door = Ingress()
    kernel = Background(lambda: door.take(None))
    door.close()
    assert kernel.returned() is None


def test_many_senders_lose_nothing_and_each_keeps_its_order() -> None:
    door, each, senders = Ingress(items_max=3), 200, 4

    def send(name: int) -> None:
        for number in range(each):
            assert door.offer(0, note(f"{name} {number}"), WAIT_S)

    threads = [Background(lambda name=name: send(name)) for name in range(senders)]
    taken = [door.take(WAIT_S) for _ in range(each * senders)]
    for thread in threads:
        thread.returned()
    words = [item[1].reason.split() for item in taken]
    for name in range(senders):
        assert [number for sender, number in words if sender == f"{name}"] == [f"{number}" for number in range(each)]
    assert door.take(0) is None


QUOTES = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.floats(1, 2), min_size=1)


@PATIENT
@given(st.lists(QUOTES | st.none(), max_size=40))
def test_what_was_seen_last_of_every_symbol_always_arrives(sent: list[dict[str, float] | None]) -> None:
    door, last, seen = Ingress(), {}, {}
    for at_ms, marks in enumerate(sent):
        if marks is None:
            seen.update(marks_of(all_of(door)))
        else:
            door.offer(at_ms, tick(at_ms, **marks))
            last.update(marks)
    seen.update(marks_of(all_of(door)))
    assert seen == last


def marks_of(items: list[tuple[int, Input]]) -> dict[str, float]:
    quotes: list[Quote] = [q for _, input_ in items if isinstance(input_, MarketTick) for q in input_.quotes]
    return {quote.symbol: quote.mark for quote in quotes}
