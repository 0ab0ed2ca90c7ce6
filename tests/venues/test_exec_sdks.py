"""The account side of the emulator satisfies python-binance and ccxt: signatures, orders, fills, balances, refusals."""

import asyncio
from decimal import Decimal

import pytest

from tests.venues.exec_sdks import ccxt, ccxt_account, open_accounts, python_binance_account
from tests.venues.live_desk import emulating

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
PAIR, SYMBOL = "BTC/USDT", "BTCUSDT"


def best(emulator) -> tuple[Decimal, Decimal]:
    top = emulator.player.markets[SYMBOL].best()
    return Decimal(top["bidPrice"]), Decimal(top["askPrice"])


@pytest.mark.parametrize("ed25519", [False, True])
def test_python_binance_over_the_websocket_api(ed25519):
    async def scenario():
        async with emulating() as emulator:
            open_accounts(emulator)
            bid, _ask = best(emulator)
            async with python_binance_account(emulator, ed25519) as client:
                price = str(bid - 100)
                placed = await client.ws_create_order(
                    symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.5", price=price, newClientOrderId="py-1"
                )
                assert (placed["status"], placed["clientOrderId"], placed["fills"]) == ("NEW", "py-1", [])
                (open_order,) = await client.ws_get_open_orders(symbol=SYMBOL)
                assert open_order["orderId"] == placed["orderId"]
                emulator.exchange.trade(SYMBOL, bid - 100, Decimal("0.2"))
                state = await client.ws_get_order(symbol=SYMBOL, origClientOrderId="py-1")
                assert (state["status"], state["executedQty"]) == ("PARTIALLY_FILLED", "0.20000000")
                gone = await client.ws_cancel_order(symbol=SYMBOL, origClientOrderId="py-1")
                assert (gone["status"], gone["origClientOrderId"]) == ("CANCELED", "py-1")
                (trade,) = await client.ws_get_my_trades(symbol=SYMBOL)
                assert (trade["qty"], trade["commission"], trade["commissionAsset"], trade["isMaker"]) == ("0.20000000", "0.00020000", "BTC", True)
                balances = {row["asset"]: Decimal(row["free"]) for row in (await client.ws_get_account())["balances"]}
                assert balances == {"BTC": Decimal("2.1998"), "USDT": 100_000 - (bid - 100) * Decimal("0.2")}

    asyncio.run(scenario())


def test_python_binance_over_rest():
    async def scenario():
        async with emulating() as emulator:
            open_accounts(emulator)
            async with python_binance_account(emulator) as client:
                filled = await client.order_market_buy(symbol=SYMBOL, quantity="0.01")
                assert filled["status"] == "FILLED" and sum(Decimal(row["qty"]) for row in filled["fills"]) == Decimal("0.01")
                assert [row["id"] for row in await client.get_my_trades(symbol=SYMBOL)] == [row["tradeId"] for row in filled["fills"]]
                with pytest.raises(Exception, match="insufficient balance"):
                    await client.order_market_sell(symbol=SYMBOL, quantity="3")
                with pytest.raises(Exception, match="LOT_SIZE"):
                    await client.order_market_buy(symbol=SYMBOL, quantity="0.0000001")
                client.API_SECRET = "wrong"
                with pytest.raises(Exception, match="-1022"):
                    await client.get_account()

    asyncio.run(scenario())


def test_ccxt_places_queries_and_cancels():
    async def scenario():
        async with emulating() as emulator:
            open_accounts(emulator)
            _bid, ask = best(emulator)
            async with ccxt_account(emulator) as client:
                order = await client.create_order(PAIR, "limit", "sell", 0.25, float(ask + 50))
                assert order["status"] == "open"
                assert [row["id"] for row in await client.fetch_open_orders(PAIR)] == [order["id"]]
                balance = await client.fetch_balance()
                assert (balance["BTC"]["used"], balance["BTC"]["free"]) == (0.25, 1.75)
                emulator.exchange.trade(SYMBOL, ask + 50, Decimal("0.1"))
                assert (await client.fetch_order(order["id"], PAIR))["filled"] == 0.1
                assert (await client.cancel_order(order["id"], PAIR))["status"] == "canceled"
                (trade,) = await client.fetch_my_trades(PAIR)
                assert (trade["amount"], trade["takerOrMaker"], trade["fee"]["currency"]) == (0.1, "maker", "USDT")
                with pytest.raises(ccxt.OrderImmediatelyFillable):
                    await client.create_order(PAIR, "limit", "buy", 0.01, float(ask), {"postOnly": True})
                with pytest.raises(ccxt.OrderNotFound):
                    await client.cancel_order(order["id"], PAIR)

    asyncio.run(scenario())


def test_python_binance_and_ccxt_replace_an_order():
    async def scenario():
        async with emulating() as emulator:
            open_accounts(emulator)
            bid, _ask = best(emulator)
            terms = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5"}
            how = {"cancelReplaceMode": "STOP_ON_FAILURE"}
            async with python_binance_account(emulator) as client, ccxt_account(emulator) as other:
                first = await client.ws_create_order(**terms, price=str(bid - 100))
                again = terms | {"price": str(bid - 90)}
                second = await client.ws_cancel_and_replace_order(**again, **how, cancelOrderId=first["orderId"], newClientOrderId="py-2")
                assert (second["cancelResult"], second["newOrderResult"]) == ("SUCCESS", "SUCCESS")
                assert (second["cancelResponse"]["orderId"], second["cancelResponse"]["status"]) == (first["orderId"], "CANCELED")
                assert (second["newOrderResponse"]["clientOrderId"], Decimal(second["newOrderResponse"]["price"])) == ("py-2", bid - 90)
                third = await other.edit_order(str(second["newOrderResponse"]["orderId"]), PAIR, "limit", "buy", 0.25, float(bid - 80))
                assert (third["status"], third["amount"], third["price"]) == ("open", 0.25, float(bid - 80))
                assert [row["id"] for row in await other.fetch_open_orders(PAIR)] == [third["id"]]
                with pytest.raises(Exception, match="-2022"):
                    await client.cancel_replace_order(**again, **how, cancelOrderId=first["orderId"])
                emulator.exchange.trade(SYMBOL, bid - 80, Decimal("0.1"))
                with pytest.raises(Exception, match="-2022"):  # it has an execution
                    await client.cancel_replace_order(**again, **how, cancelOrderId=third["id"], cancelRestrictions="ONLY_NEW")
                assert (await other.fetch_order(third["id"], PAIR))["filled"] == 0.1
                with pytest.raises(Exception, match="-2021"):  # cancelled, and the other refused
                    await client.cancel_replace_order(**terms | {"quantity": "50", "price": str(bid)}, **how, cancelOrderId=third["id"])
                assert await client.get_open_orders(symbol=SYMBOL) == []

    asyncio.run(scenario())
