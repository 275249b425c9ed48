"""The REST client against a tiny exchange: one clear sentence for everything that can be wrong, and no secret in it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from toy_exchange import (
    API_KEY,
    API_SECRET,
    ORDER,
    WISH,
    Toy,
    drops,
    refuses,
    rest_of,
    right_key,
    says,
    with_toy,
)

from domain.errors import ExchangeRejected, InvalidInput, Unavailable, WireError
from infra.binance import transport
from infra.binance.breaker import Level
from infra.binance.faults import OutcomeUnknown
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings

# ── one clear sentence each ───────────────────────────────────────────────────────────────────────────────────────

OURS = {
    "451": (says(b"<html>", 451), "geo-block"),
    "451 with a body": (refuses(0, "Service unavailable from a restricted location", 451), "geo-block"),
    "403": (says(b"<html>WAF</html>", 403), "firewall"),
    "404": (says(b"", 404), "check binance.rest_url"),
    "301": (says(b"", 301, Location="http://127.0.0.1:1/"), "redirects"),
    "401": (says(b"", 401), "permissions"),
    "-2014": (refuses(-2014, "API-key format invalid.", 401), r"API-key format invalid\. \(-2014\)"),
    "-2015": (refuses(-2015, "Invalid API-key, IP, or permissions for action.", 401), "its IP list"),
    "-1022": (refuses(-1022, "Signature for this request is not valid."), "does not belong to the API key"),
}


@pytest.mark.parametrize("case", OURS)
def test_what_is_our_fault_is_said_in_one_clear_sentence_and_not_repeated(case: str) -> None:
    script, sentence = OURS[case]

    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v3/balance", script)
        async with rest_of(toy) as rest:
            with pytest.raises(InvalidInput, match=sentence):
                await rest.balances()
        assert len(toy.calls("GET /fapi/v3/balance")) == 1

    with_toy(test)


def test_a_wrong_key_and_a_wrong_secret_are_told_apart() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v3/balance", toy.signed([]))
        for key, sentence in ((right_key(api_key="other"), "-2015"), (right_key("other"), "-1022")):
            async with rest_of(toy, key=key) as rest:
                with pytest.raises(InvalidInput, match=sentence):
                    await rest.balances()

    with_toy(test)


def test_a_host_that_does_not_exist_is_named() -> None:
    async def test(_: Toy) -> None:
        rest = Rest(BinanceSettings(rest_url="http://nobody.invalid", retries=0))
        with pytest.raises(InvalidInput, match=r"unknown name nobody\.invalid.*Check binance\.rest_url"):
            await rest.ping()
        await rest.close()

    with_toy(test)


def test_a_host_that_was_there_before_is_only_unavailable_when_its_name_is_not_found() -> None:
    async def test(toy: Toy) -> None:
        rest = Rest(BinanceSettings(rest_url=toy.url.replace("127.0.0.1", "localhost"), retries=0))
        await rest.server_time_ms()
        rest.calls._transport._base = "http://nobody.invalid"
        with pytest.raises(Unavailable, match="unknown name"):
            await rest.ping()
        await rest.close()

    with_toy(test)


def test_a_certificate_of_somebody_else_is_a_tls_failure(tmp_path: Path) -> None:
    async def test(toy: Toy) -> None:
        async with tls_server(tmp_path) as url:
            rest = Rest(BinanceSettings(rest_url=url, retries=0))
            with pytest.raises(InvalidInput, match=r"a server that proves to be localhost.*TLS failure.*certificate"):
                await rest.ping()
            await rest.close()

    with_toy(test)


@asynccontextmanager
async def tls_server(folder: Path) -> AsyncIterator[str]:
    """Serve with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "tls.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


def test_a_server_that_speaks_no_tls_is_a_tls_failure() -> None:
    async def test(toy: Toy) -> None:
        rest = Rest(BinanceSettings(rest_url=toy.url.replace("http:", "https:"), retries=0))
        with pytest.raises(InvalidInput, match="TLS failure"):
            await rest.ping()
        await rest.close()

    with_toy(test)


def test_a_no_of_the_exchange_is_an_answer_with_its_code() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", refuses(-2019, "Margin is insufficient."))
        async with rest_of(toy) as rest:
            with pytest.raises(ExchangeRejected, match="Margin is insufficient") as no:
                await rest.place(WISH)
            assert no.value.code == -2019
            assert rest.calls.breaker.level(rest.calls.gate.now_ms()) is Level.NORMAL

    with_toy(test)


def test_an_answer_that_can_not_be_read_is_a_wire_error() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/openInterest", says(b'{"openInterest":"many","symbol":"X"}'))
        toy.on("GET /fapi/v1/depth", says(b"<html>", 400))
        async with rest_of(toy) as rest:
            with pytest.raises(WireError, match="openInterest"):
                await rest.open_interest("X")
            with pytest.raises(WireError, match="expected an error body with HTTP 400"):
                await rest.depth("X")

    with_toy(test)


def test_many_who_wait_for_the_time_learn_together_that_nobody_answers() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/time", toy.hangs)
        async with rest_of(toy, retries=0, timeout_ms=300) as rest:
            results = await asyncio.gather(*(rest.balances() for _ in range(50)), return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)
        assert len(toy.calls("GET /fapi/v1/time")) == 1
        assert len(toy.seen) == 1

    with_toy(test)


def test_an_answer_without_a_listen_key_is_no_listen_key() -> None:
    async def test(toy: Toy) -> None:
        toy.on("POST /fapi/v1/listenKey", says({}))
        async with rest_of(toy) as rest:
            with pytest.raises(WireError, match="listen key"):
                await rest.open_listen_key()

    with_toy(test)


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(toy: Toy) -> None:
        monkeypatch.setattr(transport, "BODY_MAX", 1_000)
        toy.on("GET /fapi/v1/ping", says(b"[" * 1_001))
        toy.on(f"POST {ORDER}", says(b"[" * 1_001))
        async with rest_of(toy, retries=0) as rest:
            with pytest.raises(Unavailable, match="larger than 1000 bytes"):
                await rest.ping()
            with pytest.raises(OutcomeUnknown, match="larger than 1000 bytes"):
                await rest.place(WISH)

    with_toy(test)


def test_no_secret_shows_in_errors_logs_or_the_client_itself(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def test(toy: Toy) -> list[str]:
        told = []
        toy.on(f"POST {ORDER}", drops)
        toy.on("GET /fapi/v3/balance", refuses(-1022))
        toy.on("GET /fapi/v3/account", says(b"{", 200))
        async with rest_of(toy, retries=0) as rest:
            for call in (rest.place(WISH), rest.balances(), rest.account()):
                try:
                    await call
                except Exception as error:
                    told += [repr(error), str(error), repr(error.__cause__), str(vars(error))]
            told += [repr(rest), repr(vars(rest)), repr(vars(rest.calls))]
        return told

    with caplog.at_level(logging.DEBUG):
        told = with_toy(test)
    text = "\n".join([*told, caplog.text])
    assert API_SECRET not in text
    assert API_KEY not in text
    assert "signature=" not in text
