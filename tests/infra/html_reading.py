"""Reads a page as a browser would, for tests: its elements, its text, its charts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

VOID = {"meta", "link", "br"}
CSS = (Path(__file__).parents[2] / "infra" / "html" / "page.css").read_text("utf-8")


class Reading(HTMLParser):
    """A page that was read; fails where an element is not closed, or closed twice."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All text that is shown."""
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, in order."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def figures_of(page: str) -> dict[str, Any]:
    """Give the charts of a page, by the name of their place."""
    found = re.search(r'<script id="figures" type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1)) if found else {}


def painted(figure: Any) -> Any:
    """Give a figure with real colours in place of the page's variables."""
    if isinstance(figure, dict):
        return {name: painted(value) for name, value in figure.items()}
    if isinstance(figure, list):
        return [painted(value) for value in figure]
    return "#123456" if isinstance(figure, str) and figure.startswith("--") else figure


def colours_of(figure: Any) -> set[str]:
    """Give the variables that a figure is painted with."""
    return set(re.findall(r'"(--[a-z-]+)"', json.dumps(figure)))
