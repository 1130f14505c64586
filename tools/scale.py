"""Reports which AWS quota an order rate reaches first, and the resources that each rate uses.

    python tools/scale.py            prints the tables
    python tools/scale.py --write    updates docs/scale.md and docs/data/scale-limits.csv
    python tools/scale.py --check    fails if one of them is out of date

It uses the counts and assumptions of tools/cost_model.py.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

import cost_model as model
from cost_designs import build_designs, fill_relay_batch
from figures import (
    DOCS,
    Report,
    format_data,
    format_money,
    format_number,
    format_share,
    publish,
    render_csv,
    render_table,
)
from inventory_items import SHIP_SHARDS

RATES = [Decimal(10), Decimal(1_000), Decimal(100_000)]
# Limits in the table of the page; docs/data has all of them.
FIRST_LIMITS = 8

# ---- Assumptions --------------------------------------------------------------

# Share of all orders that contain the most popular product.
POPULAR_PRODUCT = Decimal("0.10")
# Share of all orders that belong to the busiest customer.
BUSIEST_CUSTOMER = Decimal("0.01")
# Records of an order that the relay publishes: OrderPlaced and OrderConfirmed.
RECORDS_PER_ORDER = Decimal(2)

# ---- Default quotas of AWS ------------------------------------------------------

_DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
PARTITION = _DYNAMODB + "bp-partition-key-design.html"
TRANSACTIONS = _DYNAMODB + "transaction-apis.html"
NEW_TABLE = _DYNAMODB + "warm-throughput-scenarios.html"
TABLE_QUOTA = _DYNAMODB + "ServiceQuotas.html"
LAMBDA_QUOTAS = _LAMBDA + "gettingstarted-limits.html"
API_QUOTAS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
EVENT_QUOTAS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"

PARTITION_WRITES = Decimal(1_000)
PARTITION_READS = Decimal(3_000)
NEW_TABLE_WRITES = Decimal(4_000)
NEW_TABLE_READS = Decimal(12_000)
TABLE_UNITS = Decimal(40_000)
CONCURRENCY = Decimal(1_000)
# Synchronous requests per second for each execution environment in the concurrency quota.
REQUESTS_PER_ENVIRONMENT = Decimal(10)
# Execution environments that Lambda adds to one function every ten seconds.
NEW_ENVIRONMENTS = Decimal(1_000)
API_REQUESTS = Decimal(10_000)
PUT_EVENTS = {"us-east-1": Decimal(10_000), "eu-central-1": Decimal(2_400)}
DELIVERIES = {"us-east-1": Decimal(18_750), "eu-central-1": Decimal(4_500)}
DAY_SECONDS = Decimal(86_400)


@dataclass(frozen=True)
class Limit:
    """A quota per second and the amount that one order uses of it."""

    name: str
    quota: Decimal
    need: Decimal
    unit: str
    source: str

    @property
    def order_rate(self) -> Decimal:
        """Orders per second that use the whole quota."""
        return self.quota / self.need


@dataclass(frozen=True)
class Order:
    """An order with one line, from Placed to Confirmed."""

    place: model.Step
    relay: model.Step
    reserve: model.Step
    relay_confirmed: model.Step
    counts: Any

    @classmethod
    def load(cls) -> "Order":
        """Loads the measured order; full batches publish its events."""
        order = model.load_counts()["oneLine"]
        place, relay, reserve, relay_confirmed = model.build_design(order).steps
        relay, relay_confirmed = (fill_relay_batch(order, step) for step in (relay, relay_confirmed))
        return cls(place, relay, reserve, relay_confirmed, order["steps"])

    @property
    def steps(self) -> list[model.Step]:
        """All steps of the order."""
        return [self.place, self.relay, self.reserve, self.relay_confirmed]

    @property
    def put_events(self) -> Decimal:
        """PutEvents requests."""
        return sum((step.calls["PutEvents"] for step in (self.relay, self.relay_confirmed)), Decimal(0))

    def count_writes(self, table: str) -> Decimal:
        """Returns the write units on a table."""
        return Decimal(sum(self.counts[step]["writes"].get(table, 0) for step in model.CONFIRMED))

    def count_reads(self, table: str) -> Decimal:
        """Returns the read units on a table."""
        return Decimal(sum(self.counts[step]["reads"].get(table, 0) for step in model.CONFIRMED))

    @property
    def function_seconds(self) -> Decimal:
        """Seconds of function time. By Little's law: environments in use per order per second."""
        return sum((step.seconds * step.invocations for step in self.steps), Decimal(0))


def build_report() -> Report:
    """Builds every table of docs/scale.md and the file docs/data/scale-limits.csv."""
    order = Order.load()
    limits = build_limits(order)
    return Report(
        DOCS / "scale.md",
        tables={
            "limits": render_limits(limits[:FIRST_LIMITS]),
            "needs": render_needs(order),
            "shard": render_shard(order),
        },
        data={"scale-limits.csv": list_limits(limits)},
    )


def build_limits(order: Order) -> list[Limit]:
    """Builds every limit, the first reached first."""
    transaction_seconds = model.LATENCIES["TransactWriteItems"] / 1000
    synchronous = order.place.invocations + order.relay.invocations + order.relay_confirmed.invocations
    orders, inventory, products = (
        order.count_writes("orders"),
        order.count_writes("inventory"),
        order.count_reads("products"),
    )
    limits = [
        Limit(
            "stock of the most popular product, one transaction at a time",
            Decimal(1),
            transaction_seconds * POPULAR_PRODUCT,
            "s of transaction time",
            TRANSACTIONS,
        ),
        Limit(
            "stock of the most popular product",
            PARTITION_WRITES,
            inventory * POPULAR_PRODUCT,
            "write units",
            PARTITION,
        ),
        Limit(
            "price of the most popular product",
            PARTITION_READS,
            products * POPULAR_PRODUCT,
            "read units",
            PARTITION,
        ),
        Limit(
            "index partition of the busiest customer",
            PARTITION_WRITES,
            order.count_writes("orders/CustomerOrders") * BUSIEST_CUSTOMER,
            "write units",
            PARTITION,
        ),
        Limit(
            "index partition of the orders to ship",
            PARTITION_WRITES,
            order.count_writes("orders/OrdersToShip") / SHIP_SHARDS,
            "write units",
            PARTITION,
        ),
        Limit("Orders, new table", NEW_TABLE_WRITES, orders, "write units", NEW_TABLE),
        Limit("Orders, table quota", TABLE_UNITS, orders, "write units", TABLE_QUOTA),
        Limit("Inventory, new table", NEW_TABLE_WRITES, inventory, "write units", NEW_TABLE),
        Limit("Inventory, table quota", TABLE_UNITS, inventory, "write units", TABLE_QUOTA),
        Limit("Products, new table", NEW_TABLE_READS, products, "read units", NEW_TABLE),
        Limit("Products, table quota", TABLE_UNITS, products, "read units", TABLE_QUOTA),
        Limit("API Gateway, requests per account", API_REQUESTS, Decimal(1), "requests", API_QUOTAS),
        Limit(
            "Lambda, synchronous requests",
            CONCURRENCY * REQUESTS_PER_ENVIRONMENT,
            synchronous,
            "requests",
            LAMBDA_QUOTAS,
        ),
        Limit("Lambda, concurrency per account", CONCURRENCY, order.function_seconds, "environments", LAMBDA_QUOTAS),
        *(
            Limit(f"PutEvents, {region}", quota, order.put_events, "requests", EVENT_QUOTAS)
            for region, quota in PUT_EVENTS.items()
        ),
        # A default deployment has no rule for OrderConfirmed, so only OrderPlaced is delivered.
        *(
            Limit(f"EventBridge deliveries, {region}", quota, order.relay.events, "events", EVENT_QUOTAS)
            for region, quota in DELIVERIES.items()
        ),
    ]
    return sorted(limits, key=lambda limit: limit.order_rate)


def render_limits(limits: list[Limit]) -> str:
    """Renders the share of each limit that each rate uses."""
    rows = [
        [
            f"[{limit.name}]({limit.source})",
            f"{limit.quota:,} {limit.unit}",
            format_number(limit.need),
            format_whole(limit.order_rate),
            *(format_usage(rate, limit) for rate in RATES),
        ]
        for limit in limits
    ]
    heads = [f">at {rate:,}/s" for rate in RATES]
    return render_table(["limit", "default per second", ">per order", ">reached at orders/s", *heads], rows)


def list_limits(limits: list[Limit]) -> str:
    """Lists every limit as CSV."""
    rows = [
        [
            limit.name,
            format_data(limit.quota),
            limit.unit,
            format_data(limit.need),
            format_data(limit.order_rate),
            *(format_data(rate / limit.order_rate * 100) for rate in RATES),
            limit.source,
        ]
        for limit in limits
    ]
    heads = [f"percent_at_{rate}_orders_per_second" for rate in RATES]
    head = ["limit", "default_per_second", "unit", "per_order", "reached_at_orders_per_second", *heads, "source"]
    return render_csv(head, rows)


def render_needs(order: Order) -> str:
    """Renders the resources that each rate uses."""
    single, full_batches = build_designs(model.load_counts()["oneLine"])[:2]

    def dollars_per_day(rate: Decimal) -> str:
        # Only at a few orders per second does each record have its own relay invocation.
        design = single if rate < PARTITION_WRITES else full_batches
        return format_money(design.total * rate * DAY_SECONDS / model.MILLION)

    log_bytes = model.measure_usage(order.steps)["log"]
    rows: list[tuple[str, Callable[[Decimal], str]]] = [
        ("write units/s on Orders", lambda rate: format_whole(rate * order.count_writes("orders"))),
        ("… on each of its two indexes", lambda rate: format_whole(rate * order.count_writes("orders/CustomerOrders"))),
        ("… on Inventory", lambda rate: format_whole(rate * order.count_writes("inventory"))),
        (
            "partitions for the writes to Orders",
            lambda rate: format_ceiling(rate * order.count_writes("orders") / PARTITION_WRITES),
        ),
        ("environments that place, by Little's law", lambda rate: format_ceiling(rate * order.place.seconds)),
        ("… at ten requests/s each", lambda rate: format_ceiling(rate / REQUESTS_PER_ENVIRONMENT)),
        ("… seconds until Lambda has added them", lambda rate: format_ramp(rate / REQUESTS_PER_ENVIRONMENT)),
        ("environments that reserve, by Little's law", lambda rate: format_ceiling(rate * order.reserve.seconds)),
        ("PutEvents/s, ten events each", lambda rate: format_ceiling(rate * order.put_events)),
        ("MB of logs/s", lambda rate: format_number((rate * log_bytes / 2**20).quantize(Decimal("0.01")))),
        ("$ per day", dollars_per_day),
    ]
    cells = [[name, *map(render, RATES)] for name, render in rows]
    return render_table(["", *(f">{rate:,} orders/s" for rate in RATES)], cells)


def render_shard(order: Order) -> str:
    """Renders the load and the throughput of the relay on one shard of the stream."""
    records = 1 / order.relay.invocations
    throughput = records / order.relay.seconds
    arrivals = PARTITION_WRITES / order.count_writes("orders")
    rows = [
        ["orders/s that one partition of Orders accepts", format_whole(arrivals)],
        ["records/s with an event that its shard delivers", format_whole(arrivals * RECORDS_PER_ORDER)],
        [f"seconds per invocation with {format_number(records)} records", format_number(order.relay.seconds)],
        ["records/s that the relay publishes, one invocation at a time", format_whole(throughput)],
        ["highest utilization of the relay", format_share(arrivals * RECORDS_PER_ORDER, throughput)],
    ]
    return render_table(["one shard of the stream", ">"], rows)


def format_usage(rate: Decimal, limit: Limit) -> str:
    """Formats the share of a limit that a rate uses, in bold above the limit."""
    share = rate / limit.order_rate
    if share < Decimal("0.001"):
        return "<0.1%"
    percent = f"{(share * 100).quantize(Decimal(1 if share >= Decimal('0.1') else '0.1'), ROUND_HALF_EVEN):,}%"
    return f"**{percent}**" if share > 1 else percent


def format_whole(number: Decimal) -> str:
    """Formats a number without its decimal places."""
    return f"{number.quantize(Decimal(1), ROUND_DOWN):,}"


def format_ceiling(number: Decimal) -> str:
    """Formats a number rounded up."""
    return f"{math.ceil(number):,}"


def format_ramp(environments: Decimal) -> str:
    """Formats the seconds in which Lambda adds that many environments to one function."""
    return format_whole(environments // NEW_ENVIRONMENTS * 10)


if __name__ == "__main__":
    sys.exit(publish(build_report(), sys.argv[1:]))
