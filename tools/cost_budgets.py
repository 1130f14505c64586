"""Budgets of an order with one line. `make cost-check` fails if one is exceeded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import cost_model as model
from cost_designs import build_designs, fill_relay_batch
from cost_model import MILLION, PRICES, Design, Step
from cost_relay import price_threshold_relay
from figures import format_money, format_number, render_table

# Bytes of log lines from the request to the reserved stock, as CloudWatch counts them.
MAX_LOG_BYTES = Decimal(1500)
MAX_RESERVED_DOLLARS = Decimal("10.20")
MIN_SAVED_DOLLARS = Decimal("0.30")
MAX_FULFILLMENT_DOLLARS = Decimal("2.40")

SHIP_INDEX = "orders/OrdersToShip"


@dataclass(frozen=True)
class Budget:
    """A limit and the figure that must meet it."""

    name: str
    limit: str
    figure: str
    is_met: bool


def build_budgets(order: Any) -> list[Budget]:
    """Builds every budget from the measured counts of an order."""
    reserving = [_build_step_without_index(order, name) for name in (*model.PLACED, "reserve")]
    batched = [fill_relay_batch(order, step) if step.trigger == "stream" else step for step in reserving]
    log_bytes = sum((step.log_bytes for step in reserving), Decimal(0))
    dollars = Design("", reserving).total
    saved = dollars - Design("", batched).total
    added = _price_fulfillment(order)
    own, *others = build_designs(order)
    equivalent = min((design for design in others if design.is_equivalent), key=lambda design: design.total)
    return [
        Budget(
            "log bytes until the stock is reserved",
            f"at most {format_number(MAX_LOG_BYTES)}",
            format_number(log_bytes),
            log_bytes <= MAX_LOG_BYTES,
        ),
        Budget(
            "$ until the stock is reserved, at a few orders per second",
            f"at most {format_money(MAX_RESERVED_DOLLARS)}",
            format_money(dollars),
            dollars <= MAX_RESERVED_DOLLARS,
        ),
        Budget(
            "$ that full relay batches save of that",
            f"at least {format_money(MIN_SAVED_DOLLARS)}",
            format_money(saved),
            saved >= MIN_SAVED_DOLLARS,
        ),
        Budget(
            "$ added by OrderConfirmed, the index of orders to ship, and stock events (`thresholds`)",
            f"at most {format_money(MAX_FULFILLMENT_DOLLARS)}",
            format_money(added),
            added <= MAX_FULFILLMENT_DOLLARS,
        ),
        Budget(
            f"$ from Placed to Confirmed; the limit is the {equivalent.name}",
            f"below {format_money(equivalent.total)}",
            format_money(own.total),
            own.total < equivalent.total,
        ),
    ]


def render_budgets(budgets: Sequence[Budget]) -> str:
    """Renders the limit and the figure of each budget."""
    return render_table(["budget", ">limit", ">figure"], [[each.name, each.limit, each.figure] for each in budgets])


def list_exceeded(budgets: Sequence[Budget]) -> list[str]:
    """Returns a line for each budget that is not met."""
    return [f"{each.name}: {each.figure} is not {each.limit}" for each in budgets if not each.is_met]


def _build_step_without_index(order: Any, name: str) -> Step:
    step = model.build_step(order, name)
    return replace(step, writes=step.writes - order["steps"][name]["writes"].get(SHIP_INDEX, 0))


def _price_fulfillment(order: Any) -> Decimal:
    confirmed = Design("", [model.build_step(order, "relayConfirmed")]).total
    index_units = order["steps"]["reserve"]["writes"][SHIP_INDEX]
    return confirmed + index_units * PRICES["write"].unit_price * MILLION + price_threshold_relay(order)
