"""The purpose of each request unit of an order."""

from decimal import Decimal
from typing import Any

from cost_model import CONFIRMED, MILLION, PRICES
from figures import format_money, format_number, render_table

# By step and table, or by step, table and index.
PURPOSES = {
    ("place", "reads", "customers"): "the customer exists",
    ("place", "reads", "products"): "the price of each product",
    ("place", "writes", "orders"): "the order, with OrderPlaced in its outbox",
    ("place", "writes", "orders/CustomerOrders"): "the list of the customer's orders",
    (
        "reserve",
        "writes",
        "orders",
    ): "the status, with OrderConfirmed in the outbox; two units, because it is in a transaction",
    ("reserve", "writes", "inventory"): "the stock of each product; two units each, because it is in a transaction",
    ("reserve", "writes", "orders/OrdersToShip"): "the list of orders to ship",
}


def render_units(order: Any) -> str:
    """Renders the units of an order from Placed to Confirmed by purpose."""
    rows = []
    for step in CONFIRMED:
        counts = order["steps"][step]
        for kind, price in (("reads", "read"), ("writes", "write")):
            for table, units in counts[kind].items():
                dollars = format_money(Decimal(units) * PRICES[price].unit_price * MILLION)
                rows.append([step, f"{format_number(Decimal(units))} {price}", PURPOSES[step, kind, table], dollars])
    return render_table(["step", ">units", "purpose", ">$"], rows)
