"""User data streams: facts of accounts to the sockets that listen with the account's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from domain.exchange.facts import Fact
from domain.exchange.listing import Listing
from infra.exchange.hub import Hub
from infra.exchange.listen_keys import ListenKeys
from infra.exchange.user_data import frames

KEY_EXPIRED = "listenKeyExpired"
_ENCODER = msgspec.json.Encoder(decimal_format="string")


class UserStreams:
    """Sends what happened to whom it concerns, and says when a key died."""

    def __init__(self, keys: ListenKeys, hub: Hub, listing_of: Callable[[str], Listing]) -> None:
        self._keys = keys
        self._hub = hub
        self._listing_of = listing_of
        hub.user_key = lambda name: keys.owner(name) is not None

    def tell(self, facts: Sequence[Fact]) -> None:
        """Push the facts of accounts that somebody listens to."""
        listening = {owner: key for key in self._hub.user_keys if (owner := self._keys.owner(key)) is not None}
        if not listening:
            return
        for frame in frames(facts, self._listing_of):
            key = listening.get(frame.account)
            if key is not None:
                self._hub.tell_user(key, frame.event, _ENCODER.encode(frame.payload))

    def expire(self, now_ms: int) -> None:
        """Tell the sockets of keys whose time is up. They stay open, and get nothing more."""
        for _, key in self._keys.expired():
            said = {"e": KEY_EXPIRED, "E": now_ms, "listenKey": key}
            self._hub.tell_user(key, KEY_EXPIRED, _ENCODER.encode(said))
