"""What the tests of actors share."""

from __future__ import annotations

import pykka
import pytest


@pytest.fixture(autouse=True)
def empty_registry() -> None:
    """Begin without the actors that another test's kernel left in pykka's process-wide registry."""
    for ref in pykka.ActorRegistry.get_all():
        pykka.ActorRegistry.unregister(ref)
