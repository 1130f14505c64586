"""Which of AWS's limits an order rate meets first, and what a rate takes.

    python tools/scale.py            prints the tables
    python tools/scale.py --write    puts them into docs/scale.md
    python tools/scale.py --check    fails if docs/scale.md has others

It reckons with the counts and assumptions of tools/cost.py.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

import cost

DOCUMENT = cost.ROOT / "docs" / "scale.md"
RATES = [Decimal(10), Decimal(1_000), Decimal(100_000)]

# ---- What is assumed ----------------------------------------------------------

# The share of all orders that hold the most wanted product, and that are the
# busiest customer's.
HOT_PRODUCT = Decimal("0.10")
BUSY_CUSTOMER = Decimal("0.01")

# ---- AWS's limits, by default ----------------------------------------------------

_DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
PARTITION = _DYNAMODB + "bp-partition-key-design.html"
CONFLICTS = _DYNAMODB + "transaction-apis.html"
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
# Requests a second that an environment answers at most, when it is waited for.
REQUESTS_OF_ENVIRONMENT = Decimal(10)
# Environments that one function gets every ten seconds.
NEW_ENVIRONMENTS = Decimal(1_000)
API_REQUESTS = Decimal(10_000)
PUT_EVENTS = {"us-east-1": Decimal(10_000), "eu-central-1": Decimal(2_400)}
DELIVERIES = {"us-east-1": Decimal(18_750), "eu-central-1": Decimal(4_500)}
DAY_SECONDS = Decimal(86_400)


@dataclass(frozen=True)
class Limit:
    """So much of something in a second, and what one order takes of it."""

    name: str
    quota: Decimal
    need: Decimal
    unit: str
    source: str

    @property
    def reached_at(self) -> Decimal:
        """Orders a second that take all of it."""
        return self.quota / self.need


@dataclass(frozen=True)
class Order:
    """What the limits are held against: an order of one line on its way to Confirmed."""

    place: cost.Step
    relay: cost.Step
    reserve: cost.Step
    units: Any

    @classmethod
    def counted(cls) -> "Order":
        """The order as it was counted, its event published in a full batch."""
        order = cost.counted()["oneLine"]
        place, relay, reserve = cost.this_design(order).steps
        relay = cost.with_full_batches(relay, cost.stream_batch_size())
        return cls(place, relay, reserve, order["steps"])

    def writes(self, table: str) -> Decimal:
        """Write units on a table."""
        return Decimal(sum(self.units[step]["writes"].get(table, 0) for step in cost.CONFIRMED))

    def reads(self, table: str) -> Decimal:
        """Read units on a table."""
        return Decimal(sum(self.units[step]["reads"].get(table, 0) for step in cost.CONFIRMED))

    @property
    def concurrency(self) -> Decimal:
        """Seconds of a function for one order: Little's law makes environments of them."""
        return sum((step.seconds * step.invocations for step in (self.place, self.relay, self.reserve)), Decimal(0))


def limits(order: Order) -> list[Limit]:
    """Every limit, the first that is met first."""
    transaction = cost.LATENCIES["TransactWriteItems"] / 1000
    waited_for = order.place.invocations + order.relay.invocations
    found = [
        Limit(
            "stock of the most wanted product, one transaction at a time",
            Decimal(1),
            transaction * HOT_PRODUCT,
            "s of each second",
            CONFLICTS,
        ),
        Limit(
            "stock of the most wanted product",
            PARTITION_WRITES,
            order.writes("inventory") * HOT_PRODUCT,
            "write units",
            PARTITION,
        ),
        Limit(
            "price of the most wanted product",
            PARTITION_READS,
            order.reads("products") * HOT_PRODUCT,
            "read units",
            PARTITION,
        ),
        Limit(
            "the busiest customer's part of the index",
            PARTITION_WRITES,
            order.writes("orders/CustomerOrders") * BUSY_CUSTOMER,
            "write units",
            PARTITION,
        ),
        Limit("Orders, a new table", NEW_TABLE_WRITES, order.writes("orders"), "write units", NEW_TABLE),
        Limit("Orders, the quota of a table", TABLE_UNITS, order.writes("orders"), "write units", TABLE_QUOTA),
        Limit("Inventory, a new table", NEW_TABLE_WRITES, order.writes("inventory"), "write units", NEW_TABLE),
        Limit("Inventory, the quota of a table", TABLE_UNITS, order.writes("inventory"), "write units", TABLE_QUOTA),
        Limit("Products, a new table", NEW_TABLE_READS, order.reads("products"), "read units", NEW_TABLE),
        Limit("Products, the quota of a table", TABLE_UNITS, order.reads("products"), "read units", TABLE_QUOTA),
        Limit("API Gateway, requests of an account", API_REQUESTS, Decimal(1), "requests", API_QUOTAS),
        Limit(
            "Lambda, requests that are waited for",
            CONCURRENCY * REQUESTS_OF_ENVIRONMENT,
            waited_for,
            "requests",
            LAMBDA_QUOTAS,
        ),
        Limit("Lambda, concurrency of an account", CONCURRENCY, order.concurrency, "environments", LAMBDA_QUOTAS),
        *(
            Limit(f"PutEvents, {region}", quota, order.relay.calls["PutEvents"], "requests", EVENT_QUOTAS)
            for region, quota in PUT_EVENTS.items()
        ),
        *(
            Limit(f"deliveries to targets, {region}", quota, order.relay.events, "events", EVENT_QUOTAS)
            for region, quota in DELIVERIES.items()
        ),
    ]
    return sorted(found, key=lambda limit: limit.reached_at)


def limits_table(order: Order) -> str:
    """How much of each limit each rate takes."""
    rows = [
        [
            f"[{limit.name}]({limit.source})",
            f"{limit.quota:,} {limit.unit}",
            cost.plain(limit.need),
            whole(limit.reached_at),
            *(used(rate, limit) for rate in RATES),
        ]
        for limit in limits(order)
    ]
    heads = [f">at {rate:,}/s" for rate in RATES]
    return cost.table(["limit", "a second, by default", ">an order needs", ">orders/s that meet it", *heads], rows)


def used(rate: Decimal, limit: Limit) -> str:
    """The share of a limit that a rate takes; what is over it stands out."""
    share = rate / limit.reached_at
    if share < Decimal("0.001"):
        return "<0.1%"
    percent = f"{(share * 100).quantize(Decimal(1 if share >= Decimal('0.1') else '0.1'), ROUND_HALF_EVEN):,}%"
    return f"**{percent}**" if share > 1 else percent


def whole(number: Decimal) -> str:
    """A rate, without what is after the point."""
    return f"{number.quantize(Decimal(1), ROUND_DOWN):,}"


def needs_table(order: Order) -> str:
    """What each rate takes."""
    designs = cost.alternatives(cost.counted()["oneLine"])

    def dollars(rate: Decimal) -> str:
        # Only at a few orders a second does each record wake the relay by itself.
        design = designs[0] if rate < PARTITION_WRITES else designs[1]
        return cost.money(design.total() * rate * DAY_SECONDS / cost.MILLION)

    logged = cost.usage([order.place, order.relay, order.reserve])["log"]
    rows: list[tuple[str, Callable[[Decimal], str]]] = [
        ("write units/s on Orders", lambda rate: whole(rate * order.writes("orders"))),
        ("… on its index", lambda rate: whole(rate * order.writes("orders/CustomerOrders"))),
        ("… on Inventory", lambda rate: whole(rate * order.writes("inventory"))),
        ("partitions that Orders' writes fill", lambda rate: up(rate * order.writes("orders") / PARTITION_WRITES)),
        ("environments that place, by Little's law", lambda rate: up(rate * order.place.seconds)),
        ("… at ten requests a second each", lambda rate: up(rate / REQUESTS_OF_ENVIRONMENT)),
        ("… seconds until there are so many", lambda rate: ramp(rate / REQUESTS_OF_ENVIRONMENT)),
        ("environments that reserve, by Little's law", lambda rate: up(rate * order.reserve.seconds)),
        ("PutEvents/s, ten events each", lambda rate: up(rate * order.relay.calls["PutEvents"])),
        ("MB of logs a second", lambda rate: cost.plain((rate * logged / 2**20).quantize(Decimal("0.01")))),
        ("$ a day", dollars),
    ]
    return cost.table(["", *(f">{rate:,} orders/s" for rate in RATES)], [[name, *map(of, RATES)] for name, of in rows])


def ramp(environments: Decimal) -> str:
    """Seconds in which Lambda adds so many environments to one function."""
    return whole(environments // NEW_ENVIRONMENTS * 10)


def up(number: Decimal) -> str:
    """A number of whole things."""
    return f"{math.ceil(number):,}"


def shard_table(order: Order) -> str:
    """Whether the relay keeps up with a shard of the stream."""
    records = 1 / order.relay.invocations
    keeps_up = records / order.relay.seconds
    comes = PARTITION_WRITES / order.writes("orders")
    rows = [
        ["orders/s that one partition of Orders takes, and so one shard brings", whole(comes)],
        [f"seconds of an invocation with {cost.plain(records)} records", cost.plain(order.relay.seconds)],
        ["records/s that the relay publishes of one shard, one invocation at a time", whole(keeps_up)],
        ["share of its time that it works, at most", cost.percent(comes, keeps_up)],
    ]
    return cost.table(["one shard of the stream", ">"], rows)


def tables() -> dict[str, str]:
    """Every table of docs/scale.md by its name."""
    order = Order.counted()
    return {"limits": limits_table(order), "needs": needs_table(order), "shard": shard_table(order)}


if __name__ == "__main__":
    sys.exit(cost.publish(DOCUMENT, tables(), sys.argv[1:]))
