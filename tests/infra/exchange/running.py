"""The exchange as a user starts it: `run.py exchange` in a process of its own."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

ROOT = Path(__file__).parents[3]
STOP_S = 5.0


class Place(NamedTuple):
    """Where an exchange is, and a key for it; its process, unless another process started it."""

    rest: str
    ws: str
    key: str
    secret: str
    process: subprocess.Popen[str] | None = None

    @classmethod
    def given(cls, arguments: Sequence[str]) -> Place:
        """Read a command line: what `exchange` gives, handed on to a session in a process of its own."""
        return cls(*arguments[1:5])


def admin(place: Place, door: str, **wish: object) -> Any:
    """Use one of the exchange's own doors (`/admin/...`)."""
    request = urllib.request.Request(f"{place.rest}/admin/{door}", json.dumps(wish).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def newcomer(place: Place, deposit: int = 10_000, **key: str) -> Place:
    """Open an account of its own, so that what happened before doesn't matter; `key` says more of its key."""
    name, made = secrets.token_hex(8), secrets.token_hex(32)
    found = place._replace(key=made, secret=secrets.token_hex(32))
    admin(place, "keys", account=name, key=made, **(key or {"secret": found.secret}))
    admin(place, "deposit", account=name, amount=str(deposit))
    return found


@contextmanager
def exchange(*arguments: str) -> Iterator[Place]:
    """Give a running exchange; it must end within 5 s of SIGTERM, cleanly."""
    command = [sys.executable, "run.py", "exchange", "--symbols", "20", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said = json.loads(line)
        yield Place(said["rest"], said["ws"], said["api_key"], said["api_secret"], process)
        process.terminate()
        _, errors = process.communicate(timeout=STOP_S)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors, errors
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def moved(urls: dict[str, Any], place: Place) -> None:
    """Point a tree of URLs to an exchange, paths kept."""
    for name, value in urls.items():
        if isinstance(value, dict):
            moved(value, place)
        elif isinstance(value, str) and "://" in value:
            scheme, _, rest = value.partition("://")
            path = rest.partition("/")[2]
            urls[name] = f"{place.ws if scheme.startswith('ws') else place.rest}/{path}"


async def listened(session: aiohttp.ClientSession, url: str, wanted: int) -> list[Any]:
    """Connect, and give the first so many messages."""
    async with session.ws_connect(url, max_msg_size=0) as socket:
        return [(await socket.receive(timeout=20)).json() for _ in range(wanted)]
