"""Something that serves in a process of its own, so that what it costs is not what is measured, or can be told apart.

with Neighbour(Broadcaster, frames) as neighbour:
    neighbour.said          what its `start` gave
    neighbour.ask(x)        what its `told(x)` gives
    neighbour.spent()       seconds of processor time that it took so far
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection as Pipe
from types import TracebackType
from typing import Any, Final, Protocol, Self

_START_S: Final = 60.0
_STOP_S: Final = 5.0
_SPENT: Final = "seconds of processor time"


class Serving(Protocol):
    """What runs in the neighbour, on an event loop of its own. Everything that crosses is picklable."""

    async def start(self) -> Any:
        """Begin, and say what the parent must know."""
        ...

    async def told(self, wish: Any) -> Any:
        """Do what the parent asks, and answer."""
        ...

    async def stop(self) -> None:
        """Let go of everything."""
        ...


class Neighbour:
    """The parent's side: starts the process, and ends it on leaving."""

    def __init__(self, kind: type[Serving], *args: Any) -> None:
        self._kind = kind
        self._args = args
        self.said: Any = None

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._kind, self._args), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_S):
            raise TimeoutError(f"{self._kind.__name__} did not start within {_START_S:g} s.")
        self.said = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def ask(self, wish: Any) -> Any:
        """Ask for something, and wait for the answer."""
        self._pipe.send(wish)
        return self._pipe.recv()

    def spent(self) -> float:
        """Give the seconds of processor time that the neighbour took so far."""
        return self.ask(_SPENT)


def _serve(pipe: Pipe, kind: type[Serving], args: tuple[Any, ...]) -> None:
    asyncio.run(_converse(pipe, kind(*args)))


async def _converse(pipe: Pipe, serving: Serving) -> None:
    """Serve until the parent closes the pipe, however it does."""
    loop = asyncio.get_running_loop()
    pipe.send(await serving.start())
    try:
        while True:
            wish = await loop.run_in_executor(None, pipe.recv)
            pipe.send(time.process_time() if wish == _SPENT else await serving.told(wish))
    except (EOFError, OSError):
        return
    finally:
        await serving.stop()
