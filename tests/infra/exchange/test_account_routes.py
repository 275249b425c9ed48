"""The private endpoints that tell of an account, that set something, and that hand out listen keys."""

from __future__ import annotations

import pytest
from desk_client import Desk
from exchange_steps import BTC, ETH, NOW, d


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ── account ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_accounts_balances_and_positions_agree(desk: Desk) -> None:
    desk.market("BUY", 1)
    desk.limit("BUY", 1, 990)
    account, position = desk("GET", "v3/account"), desk("GET", "v3/positionRisk")[0]
    assert account["totalWalletBalance"] == desk("GET", "v3/balance")[0]["balance"] == "9999.49950000"
    assert account["availableBalance"] == desk("GET", "v2/balance")[0]["availableBalance"] == "9898.99950000"
    assert [row["symbol"] for row in account["positions"]] == [BTC]
    assert (position["positionAmt"], position["entryPrice"], position["breakEvenPrice"]) == (
        "1.000",
        "1001",
        "1001.5005",
    )
    assert (position["notional"], position["unRealizedProfit"]) == ("1000.00000000", "-1.00000000")
    assert (position["positionInitialMargin"], position["openOrderInitialMargin"]) == ("50.00000000", "49.50000000")
    assert [row["symbol"] for row in desk("GET", "v2/account")["positions"]] == [BTC, ETH]
    both = desk("GET", "v2/positionRisk")
    assert [(row["symbol"], row["leverage"], row["marginType"]) for row in both] == [
        (BTC, "20", "cross"), (ETH, "20", "cross"),
    ]  # fmt: skip
    assert desk("GET", "v3/positionRisk", symbol=ETH) == []


def test_hedge_mode_lists_both_legs(desk: Desk) -> None:
    desk("POST", "v1/positionSide/dual", dualSidePosition="true")
    assert desk("GET", "v1/positionSide/dual") == {"dualSidePosition": True}
    desk.market("BUY", 1, positionSide="LONG")
    sides = [(row["positionSide"], row["positionAmt"]) for row in desk("GET", "v2/positionRisk", symbol=BTC)]
    assert sides == [("LONG", "1.000"), ("SHORT", "0.000")]
    assert [row["positionSide"] for row in desk("GET", "v3/positionRisk")] == ["LONG"]
    (ranks,) = desk("GET", "v1/adlQuantile")
    assert ranks["adlQuantile"] == {"LONG": 0, "SHORT": 0, "HEDGE": 0}


def test_trades_and_income_are_told(desk: Desk) -> None:
    desk.market("BUY", 1)
    desk.now += 1
    desk.floor.now += 1
    desk.market("SELL", 1)
    first, second = desk("GET", "v1/userTrades", symbol=BTC)
    assert (first["qty"], first["price"], first["quoteQty"], first["commission"]) == (
        "1.000", "1001.00", "1001.00000", "0.50050000",
    )  # fmt: skip
    assert (first["realizedPnl"], second["realizedPnl"], first["buyer"], first["maker"]) == (
        "0",
        "-2.00000000",
        True,
        False,
    )
    assert desk("GET", "v1/userTrades", symbol=BTC, fromId=second["id"]) == [second]
    assert desk("GET", "v1/userTrades", symbol=BTC, orderId=first["orderId"]) == [first]
    assert desk.refused("GET", "v1/userTrades", symbol=BTC, fromId=1, startTime=NOW)[0] == -1128
    assert desk("GET", "v1/income", startTime=1, endTime=NOW + 86_400_000) == desk("GET", "v1/income")
    assert desk.refused("GET", "v1/income", startTime=NOW + 1, endTime=NOW)[0] == -1023
    income = desk("GET", "v1/income")
    assert [row["incomeType"] for row in income] == ["TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION"]
    assert income[1]["income"] == "-0.50050000"
    assert desk("GET", "v1/income", incomeType="REALIZED_PNL", symbol=BTC)[0]["income"] == "-2.00000000"
    assert [row["incomeType"] for row in desk("GET", "v1/income", limit=2, page=2)] == ["REALIZED_PNL", "COMMISSION"]


def test_settings_are_set_and_told(desk: Desk) -> None:
    assert desk("POST", "v1/leverage", symbol=BTC, leverage=50) == {
        "symbol": BTC, "leverage": 50, "maxNotionalValue": "500000",
    }  # fmt: skip
    assert desk.refused("POST", "v1/leverage", symbol=BTC, leverage=500) == (-4028, "Leverage 500 is not valid")
    assert desk.refused("POST", "v1/leverage", symbol=BTC, leverage=-1) == (-4028, "Leverage -1 is not valid")
    assert desk.refused("POST", "v1/leverage", symbol=BTC)[0] == -1102
    assert desk("POST", "v1/marginType", symbol=BTC, marginType="ISOLATED") == {"code": 200, "msg": "success"}
    assert desk.refused("POST", "v1/marginType", symbol=BTC, marginType="ISOLATED")[0] == -4046
    (config,) = desk("GET", "v1/symbolConfig", symbol=BTC)
    assert config == {"symbol": BTC, "marginType": "ISOLATED", "isAutoAddMargin": False, "leverage": 50,
                      "maxNotionalValue": "500000"}  # fmt: skip
    assert desk("GET", "v1/accountConfig")["dualSidePosition"] is False
    desk("POST", "v1/feeBurn", feeBurn="true")
    assert desk("GET", "v1/feeBurn") == {"feeBurn": True}
    assert desk("GET", "v1/multiAssetsMargin") == {"multiAssetsMargin": False}
    assert desk.refused("POST", "v1/multiAssetsMargin", multiAssetsMargin="true")[0] == -4167


def test_isolated_margin_moves_and_is_remembered(desk: Desk) -> None:
    desk("POST", "v1/marginType", symbol=BTC, marginType="ISOLATED")
    desk.market("BUY", 1)
    answer = desk("POST", "v1/positionMargin", symbol=BTC, amount="100", type=1)
    assert answer == {"amount": 100.0, "code": 200, "msg": "Successfully modify position margin.", "type": 1}
    assert desk("GET", "v2/positionRisk", symbol=BTC)[0]["isolatedWallet"] == "150.05000000"
    assert desk("GET", "v1/positionMargin/history", symbol=BTC)[0]["amount"] == "100"
    assert desk.refused("POST", "v1/positionMargin", symbol=BTC, amount="0", type=1) == (
        -4055,
        "Amount must be positive.",
    )
    assert desk.refused("POST", "v1/positionMargin", symbol=BTC, amount="1", type=3)[0] == -1130


def test_rates_and_brackets(desk: Desk) -> None:
    assert desk("GET", "v1/commissionRate", symbol=BTC) == {
        "symbol": BTC, "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005", "rpiCommissionRate": "0.00005",
    }  # fmt: skip
    assert [row["symbol"] for row in desk("GET", "v1/leverageBracket")] == [BTC, ETH]
    (row,) = desk("GET", "v1/leverageBracket", symbol=BTC)
    assert row["brackets"][1] == {"bracket": 2, "initialLeverage": 50, "notionalCap": 500000, "notionalFloor": 50000,
                                  "maintMarginRatio": 0.01, "cum": 300.0}  # fmt: skip
    assert [row["limit"] for row in desk("GET", "v1/rateLimit/order")] == [300, 1200]
    assert desk("GET", "v1/apiTradingStatus")["indicators"] == {}


def test_liquidations_are_listed(desk: Desk) -> None:
    desk.floor.exchange.deposit("a", d(-9_800), NOW)
    desk.market("BUY", 1)
    desk.floor.mark(800)
    (row,) = desk("GET", "v1/forceOrders")
    assert (row["clientOrderId"][:10], row["status"], row["side"]) == ("autoclose-", "FILLED", "SELL")


# ── listen keys ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_listen_key_lives_an_hour_and_is_extended(desk: Desk) -> None:
    key = desk("POST", "v1/listenKey")["listenKey"]
    assert len(key) == 64
    desk.wall += 3_599_999
    assert desk("POST", "v1/listenKey")["listenKey"] == key
    desk.wall += 3_599_999
    assert desk("PUT", "v1/listenKey", listenKey="whatever") == {"listenKey": key}
    assert desk.keys.owner(key) == "a"
    desk.wall += 3_600_000
    assert desk.keys.owner(key) is None
    assert desk.refused("PUT", "v1/listenKey") == (-1125, "This listenKey does not exist.")
    assert desk.keys.expired() == [("a", key)]
    assert desk.keys.expired() == []
    assert desk("POST", "v1/listenKey")["listenKey"] != key
    assert desk("DELETE", "v1/listenKey") == {}
    assert desk.refused("DELETE", "v1/listenKey")[0] == -1125


def test_a_listen_key_can_be_lost_on_purpose(desk: Desk) -> None:
    key = desk("POST", "v1/listenKey")["listenKey"]
    desk.keys.expire("a")
    assert desk.keys.expired() == [("a", key)]
