"""Logs: to standard error, one line a fact, no secret, no flood, and never an exception for who logs."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from _pytest.logging import LogCaptureHandler

from infra import log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[io.StringIO, Terminal], ids=["file", "terminal"])
def stderr(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Log to a buffer, and leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    buffer = request.param()
    monkeypatch.setattr(sys, "stderr", buffer)
    log.configure("info")
    yield buffer
    ours = [one for one in root.handlers if isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)]
    kept = [one for one in root.handlers if one not in ours]  # pytest has put its own of this phase there
    lasting = [one for one in handlers if not isinstance(one, LogCaptureHandler) and one not in kept]
    root.handlers[:] = [*lasting, *kept]
    root.setLevel(level)
    logging.getLogger("hindsight").setLevel(logging.NOTSET)
    structlog.reset_defaults()


only_in_files = pytest.mark.parametrize("stderr", [io.StringIO], indirect=True, ids=["file"])


def lines(stderr: io.StringIO) -> list[str]:
    return stderr.getvalue().splitlines()


def ours() -> structlog.stdlib.BoundLogger:
    return structlog.get_logger("hindsight.test")


@only_in_files
def test_away_from_a_terminal_a_line_is_one_json_object(stderr: io.StringIO) -> None:
    ours().info("position opened", symbol="BTCUSDT", quantity=2)
    logging.getLogger("library").warning("slow by %d ms", 7)
    first, second = (json.loads(line) for line in lines(stderr))
    assert first | {"timestamp": ""} == {
        "event": "position opened", "symbol": "BTCUSDT", "quantity": 2, "level": "info", "timestamp": "",
    }  # fmt: skip
    assert (second["event"], second["level"]) == ("slow by 7 ms", "warning")
    assert first["timestamp"].endswith("Z")


def test_libraries_speak_from_warnings_up_and_we_from_the_level_that_is_set(
    stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.getLogger("library").info("chatter")
    ours().debug("detail")
    assert lines(stderr) == []
    monkeypatch.setattr(sys, "stderr", stderr)  # pytest has put its own there since
    log.configure("debug")
    ours().debug("detail")
    assert len(lines(stderr)) == 1


def test_a_warning_that_repeats_is_shown_at_each_power_of_ten(stderr: io.StringIO) -> None:
    for number in range(1_000):
        ours().warning(f"no answer in {number} ms")
    shown = lines(stderr)
    assert len(shown) == 4
    assert ["1000" in line for line in shown] == [False, False, False, True]


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_a_library_that_repeats_itself_is_counted_too_and_hears_of_nothing(stderr: io.StringIO, level: int) -> None:
    """An exception out of a log call would end the thread that logs."""
    for number in range(25):
        logging.getLogger("library").log(level, "lost connection %d", number)
    assert len(lines(stderr)) == 2


def test_what_is_no_warning_is_never_dropped(stderr: io.StringIO) -> None:
    for number in range(15):
        ours().info("position opened", number=number)
    assert len(lines(stderr)) == 15


def test_different_lines_are_not_mixed_up(stderr: io.StringIO) -> None:
    ours().warning("one")
    ours().error("one")
    ours().warning("two")
    assert len(lines(stderr)) == 3


def test_the_memory_of_lines_is_bounded(stderr: io.StringIO) -> None:
    repeats = log.Repeats()

    def passes(text: str) -> bool:
        return repeats.filter(logging.LogRecord("x", logging.ERROR, "", 0, text, (), None))

    words = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(log.REPEATS_MAX)]
    assert all(passes(word) for word in words)
    assert not passes(words[0])
    assert passes("one too many")
    assert passes(words[0]), "counting has started anew"
    assert len(repeats._seen) == 2


def test_no_secret_is_logged_not_even_in_a_traceback(stderr: io.StringIO) -> None:
    secret = "geheim"

    def connect(password: str) -> None:
        raise OSError(f"no connection to postgresql://ann:{password}@host/db")

    ours().info("connecting", url="postgresql://ann:geheim@host/db", options={"password": "geheim"})
    for logger in (ours(), logging.getLogger("library")):
        try:
            connect(secret)
        except OSError:
            logger.exception("failed with postgresql://ann:geheim@host/db")
    assert "geheim" not in stderr.getvalue()
    assert stderr.getvalue().count("no connection to postgresql://ann:***@host/db") >= 2
    assert "Traceback" in stderr.getvalue()


def test_configuring_again_does_not_print_twice(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)  # pytest has put its own there since
    log.configure("info")
    ours().info("once")
    assert len(lines(stderr)) == 1
