"""The data dictionary, made from the catalog of events: every kind, every field, what it is in JSON and in Parquet."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from domain.catalog import EVENTS, name_of
from infra.export.columns import arrow_type
from infra.export.fields import Field, Group, Kind, Leaf, Many, Shape, default_text, group_of, innermost
from infra.export.lifecycle import OrderLife, order_columns
from infra.export.operator import OperatorAction, action_columns
from infra.export.redaction import Redaction
from infra.export.statement import schema_versions

_JSON: Final = {
    Kind.TEXT: "text",
    Kind.CHOICE: "text",
    Kind.FLAG: "true or false",
    Kind.INTEGER: "integer",
    Kind.MOMENT: "integer, UTC ms since 1970",
    Kind.NUMBER: "number",
    Kind.DECIMAL: "text of an exact decimal",
    Kind.BYTES: "text in base64",
    Kind.JSON: "any JSON",
}
_INTRODUCTION: Final = """\
# Data dictionary

Generated from the catalog of events. Money is in USDT, prices in USDT, quantities in the base asset, times in UTC.
`…_ms` is a moment where it says so, else a length of time in ms; `…_bps` are hundredths of a percent.

Every line of `events.jsonl` has a frame, and under `event` the fields of its type:

| field | meaning |
|---|---|
| `seq` | the place in the total order, without gaps |
| `type` | the kind of event, as below |
| `stream` | whose event it is; `stream@version` is the event's id |
| `version` | the place in its stream |
| `input_seq` | which input of the system caused it |
| `at_ms` | when that input was received, UTC ms since 1970 |

In the JSONL, a field that has its default was left out. In `events/TYPE.parquet` the frame (but for `type`) and the
fields are columns of the same names; a field that is called like the frame has the column `event_…`. Decimals have 18
digits behind the point there; the exact text is in the JSONL.
"""


def dictionary(redaction: Redaction) -> str:
    """Give the dictionary as Markdown. What is redacted stands in it, and says so."""
    versions = schema_versions()
    parts = [_INTRODUCTION, "## Events\n"]
    nested: dict[str, Group] = {}
    for kind in sorted(EVENTS, key=name_of):
        name = name_of(kind)
        parts.append(f"### {name}\n\n{_doc(kind)} Schema version {versions[name]}.\n")
        parts.append(_table(group_of(kind), redaction, name))
        nested.update((group.origin.__name__, group) for group in _groups(group_of(kind)) if group.origin)
    parts.append("## Groups of fields\n")
    for name, group in sorted(nested.items()):
        assert group.origin is not None
        listed = " In the JSONL it is a list with these values in this order." if group.positional else ""
        parts.append(f"### {name}\n\n{_doc(group.origin)}{listed}\n")
        parts.append(_table(group, redaction))
    parts.append("## Other tables\n")
    for title, kind, group in (
        ("orders", OrderLife, order_columns(redaction)),
        ("operator_actions", OperatorAction, action_columns(redaction)),
    ):
        parts.append(f"### {title}\n\n{_doc(kind)}\n")
        parts.append(_table(group, redaction))
    return "\n".join(parts)


def _table(group: Group, redaction: Redaction, topic: str = "") -> str:
    if not group.fields:
        return "No fields of its own.\n"
    meanings = {} if group.origin is None else _meanings(group.origin)
    lines = ["| field | JSON | Parquet | left out means | meaning |", "|---|---|---|---|---|"]
    for field in group.fields:
        hidden = topic and redaction.hides((f"{topic}.{field.name}",))
        meaning = meanings.get(field.name, "") + (" (redacted, or a part of it)" if hidden else "")
        default = f"`{default_text(field)}`" if not field.required else ""
        cells = (f"`{field.name}`", _json(field.shape), _parquet(field), default, meaning.strip())
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _json(shape: Shape) -> str:
    match shape:
        case Leaf(Kind.CHOICE, choices):
            return "one of " + ", ".join(choices)
        case Leaf(kind):
            return _JSON[kind]
        case Many(item):
            return f"list of {_json(item)}"
        case Group(origin=None):
            return "[" + ", ".join(_json(field.shape) for field in shape.fields) + "]"
        case Group(origin=origin):
            assert origin is not None
            return f"[{origin.__name__}](#{origin.__name__.lower()})"


def _parquet(field: Field) -> str:
    inner = innermost(field.shape)
    if isinstance(inner, Group):
        return "struct" if inner is field.shape else "list of struct"
    return str(arrow_type(field.shape))


def _groups(group: Group) -> Iterator[Group]:
    for field in group.fields:
        inner = innermost(field.shape)
        if isinstance(inner, Group):
            yield inner
            yield from _groups(inner)


def _doc(kind: type[msgspec.Struct]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


@functools.cache
def _meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Give what the strings below a struct's fields say about them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    return dict(_commented(body))


def _commented(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    name = ""
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=field)):
                name = field
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                yield name, " ".join(text.split())
            case _:
                name = ""
