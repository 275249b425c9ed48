"""Takes secrets out of what is shown to people: logs, settings, error texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

MASK: Final = "***"
_IN_URL: Final = re.compile(r"(\w+://[^:/@\s]*:)\S+@")
_NAMES: Final = "password|passwd|secret|token|api_?key|listen_?key|signature"
_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_VALUE: Final = r"""(?:'[^']*'|"[^"]*"|[^\s&,;)}\]]+)"""
_NAMED: Final = re.compile(rf"""((?:{_NAMES})['"]?\s*[=:]\s*){_VALUE}""", re.IGNORECASE)


def mask(text: str) -> str:
    """Mask passwords in URLs, and what follows `password=`, `secret:` and the like."""
    return _NAMED.sub(rf"\1{MASK}", _IN_URL.sub(rf"\1{MASK}@", text))


def mask_all(value: object) -> object:
    """Mask every string in a value of dictionaries, lists and tuples, and what stands under a name such as `token`."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {name: _mask_named(str(name), held) for name, held in items}
    if isinstance(value, list | tuple):
        return [mask_all(item) for item in cast("list[object]", value)]
    return value


def _mask_named(name: str, value: object) -> object:
    return MASK if value and isinstance(value, str) and _NAME.search(name) else mask_all(value)
