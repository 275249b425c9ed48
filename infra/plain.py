"""Structs as JSON types for a reader: every field by its name, also where storage keeps only positions."""

from __future__ import annotations

from typing import Any, cast

import msgspec


def plain(value: object) -> Any:
    """Give a value as JSON types. Fields that are not known (None) are left out."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        named = {} if tag is None else {"type": tag}
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {**named, **{name: plain(field) for name, field in fields if field is not None}}
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast("list[object]", value)]
    return msgspec.to_builtins(value)
