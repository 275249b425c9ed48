"""What a frame is, told by its keys; and that whatever can't be read says so in one kind of error."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import WireError
from infra.binance.wire import EVENT_TYPES, decode, decoding, open_frame
from infra.binance.wire.control_frames import Answer, Batch, BookSnapshot, Refusal, Unknown, Unreadable
from infra.binance.wire.frames import MarkPrice, Trade
from infra.binance.wire.user_frames import AccountUpdate

TRADE = b'{"e":"trade","E":2,"T":1,"s":"BTCUSDT","t":7,"p":"84088.00","q":"0.002","X":"MARKET","m":false}'
READ = Trade(2, "BTCUSDT", 7, 84088.0, 0.002, 1, buyer_is_maker=False)
MARK = b'{"e":"markPriceUpdate","E":3,"s":"BTCUSDT","p":"11794.15","i":"11784.6","P":"1","r":"0.0001","T":9}'


def test_raw_and_combined_frames_give_the_same_message() -> None:
    assert decode(TRADE) == decode(b'{"stream":"btcusdt@trade","data":' + TRADE + b"}") == READ


@pytest.mark.parametrize("raw", [TRADE, b'{"stream":"btcusdt@trade","data":' + TRADE + b"}", b"[" + TRADE + b"]"])
@pytest.mark.parametrize("kind", [bytearray, memoryview, bytes.decode])
def test_text_and_other_buffers_are_read_like_bytes(raw: bytes, kind: Any) -> None:
    assert decode(kind(raw)) == decode(raw)
    named = raw.replace(b"BTCUSDT", "币安USDT".encode())
    assert decode(kind(named)) == decode(named)


def test_what_is_neither_text_nor_bytes_is_a_wire_error_too() -> None:
    careless: tuple[Any, ...] = (None, 5, [TRADE], chr(0xD800), f'{{"e":"{chr(0xD800)}"}}')
    for raw in careless:
        with pytest.raises(WireError):
            decode(raw)


@pytest.mark.parametrize("frame", [
    b'{"result":null,"id":%s}', b'{"code":%s}', b'{"error":{"code":%s}}', b'{"result":%s,"id":1}',
    b'{"lastUpdateId":%s,"bids":[],"asks":[]}', TRADE.replace(b"7", b"%s"), TRADE.replace(b'"84088.00"', b'"%s"'),
])  # fmt: skip
def test_a_number_with_thousands_of_digits_is_a_wire_error(frame: bytes) -> None:
    """Python itself refuses to read more than 4,300 digits, with an error of another kind."""
    with pytest.raises(WireError):
        decode(frame % (b"9" * 5_000))


def test_the_stream_of_a_combined_frame_is_told_and_a_raw_one_has_none() -> None:
    framed = open_frame(b'{"stream":"btcusdt@trade","data":' + TRADE + b"}")
    assert (framed.stream, framed.message) == ("btcusdt@trade", READ)
    assert open_frame(TRADE).stream == ""


@pytest.mark.parametrize("raw", [
    b'{"data":' + TRADE + b',"stream":"btcusdt@trade"}',
    b'  { "stream" : "btcusdt@trade" , "data" : ' + TRADE + b" }",
    TRADE.replace(b'"e":"trade",', b"").replace(b"}", b',"e":"trade"}'),
    TRADE.replace(b"}", b',"st":1,"new":{"deep":[1,{"a":null}]}}'),
    TRADE.replace(b'"84088.00"', b"84088.00").replace(b'"E":2', b'"E":"2"'),
])  # fmt: skip
def test_order_of_keys_blanks_unknown_fields_and_quotes_do_not_matter(raw: bytes) -> None:
    assert decode(raw) == READ


def test_an_array_stream_is_a_batch_raw_or_combined() -> None:
    batch = decode(b"[" + MARK + b"," + MARK + b"]")
    assert isinstance(batch, Batch)
    assert [type(item) for item in batch.items] == [MarkPrice, MarkPrice]
    assert decode(b'{"stream":"!markPrice@arr","data":[' + MARK + b"," + MARK + b"]}") == batch
    assert decode(b"[]") == Batch(())


def test_one_unknown_item_does_not_cost_the_others() -> None:
    batch = decode(b'{"stream":"!x@arr","data":[' + MARK + b',{"e":"novelty"}]}')
    assert isinstance(batch, Batch)
    assert [type(item) for item in batch.items] == [MarkPrice, Unknown]


@pytest.mark.parametrize(("bad", "says"), [
    (MARK.replace(b'"p":"', b'"p":"x'), "p`"),
    (MARK.replace(b'"p":"', b'"p":"-'), "p`"),
    (b'{"e":"markPriceUpdate"}', "`$.data[1]`"), (b"5", "`$.data[1]`"), (b"null", "`$.data[1]`"),
    (b"[" + MARK + b"]", "`$.data[1]`"), (b'{"e":5}', "`$.data[1].e`"), (b"{}", "`$.data[1]`"),
])  # fmt: skip
def test_one_unreadable_item_does_not_cost_the_others(bad: bytes, says: str) -> None:
    items = b"[" + MARK + b"," + bad + b"," + MARK + b"]"
    batch = decode(b'{"stream":"!markPrice@arr","data":' + items + b"}")
    assert isinstance(batch, Batch)
    assert [type(item) for item in batch.items] == [MarkPrice, Unreadable, MarkPrice]
    raw = decode(items)
    assert isinstance(raw, Batch)
    for found, where in ((batch.items[1], says), (raw.items[1], says.replace(".data", ""))):
        assert isinstance(found, Unreadable)
        assert found.where.endswith(where)


def test_an_array_of_which_nothing_can_be_read_is_a_broken_frame() -> None:
    with pytest.raises(WireError, match=r"`\$\[0\]"):
        decode(b'[{"e":5},{"e":6}]')
    with pytest.raises(WireError):
        decode(b"[" + MARK + b"," + MARK)


def test_an_array_that_can_be_read_is_decoded_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("item by item is for arrays that failed as a whole")

    monkeypatch.setattr(decoding, "_item", never)
    for raw in (b"[" + MARK + b"]", b'{"stream":"!markPrice@arr","data":[' + MARK + b"]}"):
        assert isinstance(decode(raw), Batch)


def test_an_unknown_event_type_is_named_and_a_long_name_is_cut() -> None:
    assert decode(b'{"e":"novelty","x":[1]}') == Unknown("novelty")
    assert decode(b'{"stream":"a","data":{"e":"novelty"}}') == Unknown("novelty")
    assert decode(b'{"e":"' + b"n" * 1000 + b'"}') == Unknown("n" * 64)
    assert "novelty" not in EVENT_TYPES


@pytest.mark.parametrize(("raw", "message"), [
    (b'{"result":null,"id":1}', Answer(1)),
    (b'{"id":"2f1c-a","result":null}', Answer("2f1c-a")),
    (b'{"result":null,"id":123456789012345678901234567890}', Answer(123456789012345678901234567890)),
    (b'{"result":null}', Answer(None)),
    (b'{"result":["btcusdt@aggTrade"],"id":3}', Answer(3, ("btcusdt@aggTrade",))),
    (b'{"result":true,"id":2}', Answer(2, result=True)),
    (b'{"code":2,"msg":"Invalid request"}', Refusal(2, "Invalid request")),
    (b'{"code":3,"msg":"Invalid JSON","id":4}', Refusal(3, "Invalid JSON", 4)),
    (b'{"error":{"code":2,"msg":"no"},"id":9}', Refusal(2, "no", 9)),
    (b'{"error":"blahblah"}', Refusal(0, "blahblah")),
])  # fmt: skip
def test_answers_and_errors_are_told_apart(raw: bytes, message: object) -> None:
    assert decode(raw) == message


def test_a_whole_book_is_read_where_a_recording_mixes_it_in() -> None:
    assert decode(b'{"lastUpdateId":5,"E":2,"T":1,"bids":[["1.5","2"]],"asks":[["1.6","0.5"]]}') == BookSnapshot(
        5, ((1.5, 2.0),), ((1.6, 0.5),), 2, 1
    )


@pytest.mark.parametrize("raw", [
    b"", b" ", b"{", b"{}", b"null", b"5", b'"e"', b"[1]", b"[[" + TRADE + b"]]", b'{"e":5}', b'{"e":null}',
    b'{"stream":"a"}', b'{"stream":5,"data":{}}', b'{"stream":"a","data":5}', b'{"method":"SUBSCRIBE","id":1}',
    b'{"stream":"a","data":{"stream":"a","data":' + TRADE + b"}}",
    TRADE[:-1], TRADE + b"x", TRADE + TRADE, b"\xff\xfe", b"\xef\xbb\xbf" + TRADE,
    TRADE.replace(b"BTCUSDT", b"BTC\xffUSDT"), TRADE.replace(b"}", b',"note":"\xc3("}'),
    TRADE.replace(b"BTCUSDT", b""), TRADE.replace(b"BTCUSDT", b"B" * 65), TRADE.replace(b"false", b'"no"'),
    b"[" * 200_000, b'{"e":' * 100_000, TRADE.replace(b"}", b',"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
])  # fmt: skip
def test_a_broken_frame_raises_a_wire_error(raw: bytes) -> None:
    with pytest.raises(WireError):
        decode(raw)


@pytest.mark.parametrize("number", [
    b"NaN", b'"NaN"', b'"nan"', b'"Infinity"', b'"-inf"', b"1e400", b'"1e400"', b'"1e31"', b'"-1"', b'""', b"null",
    b"true", b'"0x10"', b'"1_0"', b'"1,5"', b"[]",
])  # fmt: skip
def test_a_price_that_is_no_price_is_refused(number: bytes) -> None:
    with pytest.raises(WireError, match=r"`\$|malformed|character"):
        decode(TRADE.replace(b'"84088.00"', number))


@pytest.mark.parametrize("number", [b"-1", b"1.5", b"9223372036854775808", b"1" * 400, b'"x"', b"null", b"true"])
def test_a_time_that_is_no_time_is_refused(number: bytes) -> None:
    with pytest.raises(WireError):
        decode(TRADE.replace(b'"E":2', b'"E":' + number))


@pytest.mark.parametrize(
    "number", [b'"NaN"', b'"sNaN"', b'"Infinity"', b'"1e99999999"', b'"1e-99999"', b'"x"', b"true"]
)
def test_money_that_is_no_money_is_refused(number: bytes) -> None:
    with pytest.raises(WireError):
        decode(b'{"e":"ACCOUNT_UPDATE","T":1,"E":1,"a":{"m":"X","B":[{"a":"U","cw":"1","wb":' + number + b"}]}}")


def test_money_is_not_rounded() -> None:
    message = decode(
        b'{"e":"ACCOUNT_UPDATE","T":1,"E":1,"a":{"m":"X","B":[{"a":"U","wb":"12345678901234567890.12345678","cw":0.10}]}}'
    )
    assert isinstance(message, AccountUpdate)
    (balance,) = message.account.balances
    assert [str(balance.wallet), str(balance.cross_wallet)] == ["12345678901234567890.12345678", "0.10"]


def test_the_error_says_what_was_expected_and_where() -> None:
    with pytest.raises(WireError) as caught:
        decode(b'{"stream":"a","data":' + TRADE.replace(b'"t":7', b'"t":"x"') + b"}")
    assert (caught.value.what, caught.value.where) == ("Expected `int`, got `str`", "`$.t`")


def test_a_contract_without_funding_has_no_rate() -> None:
    for blank in (b'"r":""', b'"x":1'):
        message = decode(MARK.replace(b'"r":"0.0001"', blank))
        assert isinstance(message, MarkPrice)
        assert message.funding_rate is None
    message = decode(MARK)
    assert isinstance(message, MarkPrice)
    assert message.funding_rate == 0.0001
