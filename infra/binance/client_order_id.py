"""The client order id: derived, never drawn, so that the same wish can never become two orders.

prefix + the first 26 characters of base32(sha256(store epoch ‖ event id)) (product.md §5). 26 characters of base32 are
130 bits. Binance allows 36 characters and asks for uniqueness among *open* orders only.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from domain.errors import InvalidInput

DIGEST_CHARACTERS: Final = 26
PREFIX: Final = "hs-"
_PREFIX_ALLOWED: Final = re.compile(r"[.A-Z:/a-z0-9_-]{0,10}")


def client_order_id(epoch: str, event_id: str, prefix: str = PREFIX) -> str:
    """Name the order that event `event_id` requested in the store of that epoch. Raises `InvalidInput` for a prefix.

    The epoch is of fixed length, so that joining the two is unambiguous.
    """
    if not _PREFIX_ALLOWED.fullmatch(prefix):
        raise InvalidInput("client order id prefix", "at most 10 of the characters . : / _ - A-Z a-z 0-9", repr(prefix))
    digest = hashlib.sha256(f"{epoch}{event_id}".encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:DIGEST_CHARACTERS]
