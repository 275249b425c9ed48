"""The output-commit rule: what is held, when it leaves, in which order, and that it leaves once."""

from __future__ import annotations

import threading

import pytest

from actors.outbox import Outbox
from domain.base import Issued
from domain.venue import CancelOrder

WAIT_S = 10.0


def effect(number: int) -> Issued:
    return Issued(f"position:x@{number}", CancelOrder("main", f"position:x@{number}", "BTCUSDT"))


class Outside:
    """What has left, and whether it may."""

    def __init__(self) -> None:
        self.left: list[Issued] = []
        self.ours = True
        self.outbox = Outbox(self.left.append, lambda: self.ours)

    def holding(self, *input_seqs: int) -> Outside:
        for number, input_seq in enumerate(input_seqs):
            self.outbox.hold(input_seq, effect(number))
        return self

    def numbers(self) -> list[int]:
        return [int(issued.event_id.rpartition("@")[2]) for issued in self.left]


def test_nothing_leaves_before_its_input_is_durable() -> None:
    outside = Outside().holding(5)
    assert outside.outbox.release(4) == 0
    assert outside.left == []
    assert outside.outbox.release(5) == 1
    assert outside.numbers() == [0]


def test_effects_leave_in_the_order_in_which_they_were_issued() -> None:
    outside = Outside().holding(1, 1, 2, 4, 4)
    assert outside.outbox.release(2) == 3
    assert outside.outbox.release(9) == 2
    assert outside.numbers() == [0, 1, 2, 3, 4]


def test_an_effect_leaves_once_however_often_its_commit_is_told() -> None:
    outside = Outside().holding(1, 2)
    assert [outside.outbox.release(2) for _ in range(3)] == [2, 0, 0]
    assert outside.outbox.release(1) == 0
    assert outside.numbers() == [0, 1]
    assert len(outside.outbox) == 0


def test_without_the_lease_nothing_leaves_and_nothing_is_lost() -> None:
    outside = Outside().holding(1, 2)
    outside.ours = False
    assert outside.outbox.release(2) == 0
    assert (outside.left, len(outside.outbox)) == ([], 2)
    outside.ours = True
    assert outside.outbox.release(2) == 2


def test_a_lease_that_is_lost_between_two_effects_holds_the_second() -> None:
    outside = Outside()
    outside.outbox = Outbox(outside.left.append, lambda: not outside.left)
    outside.holding(1, 1)
    assert outside.outbox.release(1) == 1
    assert len(outside.outbox) == 1


def test_what_raises_while_it_leaves_keeps_the_later_ones_and_is_not_done_twice() -> None:
    done: list[str] = []

    def carry_out(issued: Issued) -> None:
        done.append(issued.event_id)
        if issued.event_id.endswith("@0"):
            raise OSError("the line is cut")

    outbox = Outbox(carry_out, lambda: True)
    outbox.hold(1, effect(0))
    outbox.hold(1, effect(1))
    with pytest.raises(OSError, match="cut"):
        outbox.release(1)
    assert outbox.release(1) == 1
    assert done == ["position:x@0", "position:x@1"]


def test_two_threads_that_release_at_once_carry_nothing_out_twice_or_out_of_order() -> None:
    left: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def carry_out(issued: Issued) -> None:
        inside.set()
        assert go_on.wait(WAIT_S)
        left.append(issued.event_id)

    outbox = Outbox(carry_out, lambda: True)
    for number in range(20):
        outbox.hold(1, effect(number))
    threads = [threading.Thread(target=outbox.release, args=(1,)) for _ in range(3)]
    threads[0].start()
    assert inside.wait(WAIT_S)
    for thread in threads[1:]:
        thread.start()
    assert left == []
    go_on.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert left == [f"position:x@{number}" for number in range(20)]


def test_the_kernel_can_hold_while_an_effect_is_on_its_way_out() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def carry_out(_: Issued) -> None:
        inside.set()
        assert go_on.wait(WAIT_S)

    outbox = Outbox(carry_out, lambda: True)
    outbox.hold(1, effect(0))
    journal = threading.Thread(target=outbox.release, args=(1,))
    journal.start()
    assert inside.wait(WAIT_S)
    outbox.hold(2, effect(1))
    assert len(outbox) == 1
    go_on.set()
    journal.join(WAIT_S)
    assert len(outbox) == 1, "its input is not durable yet"
