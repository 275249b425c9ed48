"""Secrets never show."""

from __future__ import annotations

import pytest

from infra.masking import mask, mask_all


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:geheim@host:5432/db", "postgresql://ann:***@host:5432/db"),
        ("postgresql://ann:ge@heim@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://ann:ge:heim@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://:geheim@host/db", "postgresql://:***@host/db"),
        ("postgresql://host/db?user=ann&password=geheim&x=1", "postgresql://host/db?user=ann&password=***&x=1"),
        ("host=h password=geheim dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='ge heim' dbname=d", "host=h password=*** dbname=d"),
        ("no connection to postgresql://a:b@h/d, retrying", "no connection to postgresql://a:***@h/d, retrying"),
        ('{"api_secret": "geheim", "n": 1}', '{"api_secret": ***, "n": 1}'),
        ("API_KEY=geheim", "API_KEY=***"),
        ("GET /fapi/v1/order?symbol=X&signature=abc", "GET /fapi/v1/order?symbol=X&signature=***"),
        ('{"listenKey":"geheim"}', '{"listenKey":***}'),
        ("X-MBX-APIKEY: geheim", "X-MBX-APIKEY: ***"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("postgresql:///db", "postgresql:///db"),
        ("nothing to hide: 12:30", "nothing to hide: 12:30"),
    ],
)
def test_a_text_shows_no_secret_and_everything_else(text: str, shown: str) -> None:
    assert mask(text) == shown


def test_what_stands_deep_inside_or_under_a_telling_name_is_masked_too() -> None:
    event = {
        "url": ["postgresql://a:b@h"],
        "ws_token": "geheim",
        "deep": {"listen_key": 5, "api_key": "geheim"},
        "n": 1,
    }
    assert mask_all(event) == {
        "url": ["postgresql://a:***@h"], "ws_token": "***", "deep": {"listen_key": 5, "api_key": "***"}, "n": 1,
    }  # fmt: skip


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert mask_all({"password": ""}) == {"password": ""}
