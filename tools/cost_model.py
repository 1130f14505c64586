"""Model of the cost of an order on AWS: prices, assumptions and measured steps.

tools/counted.json holds the measured calls, request units and bytes of each step;
an integration test compares it with the code. This file holds the
assumptions, each with its source.
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from figures import ROOT

COUNTED = ROOT / "tools" / "counted.json"
TEMPLATE = ROOT / "template.yaml"

ONE = Decimal(1)
MILLION = Decimal(1_000_000)
GIGABYTE = Decimal(2**30)


@dataclass(frozen=True)
class Price:
    """An AWS list price: first tier, without the free tier."""

    service: str
    unit: str
    dollars: str
    per: Decimal
    as_of: str
    page: str

    @property
    def unit_price(self) -> Decimal:
        """Dollars for one unit."""
        return Decimal(self.dollars) / self.per


# ---- Prices -----------------------------------------------------------------
#
# Prices are for us-east-1, the Region of AWS's own examples. `as_of` is the month of
# the newest copy or account of the pricing page that showed the figure. DynamoDB
# halved its on-demand prices in November 2024.

PRICES = {
    "rest": Price("API Gateway", "REST API requests", "3.50", MILLION, "2026-09", "api-gateway/pricing"),
    "http": Price("API Gateway", "HTTP API requests", "1.00", MILLION, "2026-09", "api-gateway/pricing"),
    "egress": Price("API Gateway", "bytes to the internet", "0.09", GIGABYTE, "2025-05", "api-gateway/pricing"),
    "invocation": Price("Lambda", "invocations", "0.20", MILLION, "2026-09", "lambda/pricing"),
    "x86_64": Price("Lambda", "GB-seconds, x86_64", "0.0000166667", ONE, "2026-05", "lambda/pricing"),
    "arm64": Price("Lambda", "GB-seconds, arm64", "0.0000133334", ONE, "2026-05", "lambda/pricing"),
    "read": Price("DynamoDB", "read request units", "0.125", MILLION, "2025-07", "dynamodb/pricing/on-demand"),
    "write": Price("DynamoDB", "write request units", "0.625", MILLION, "2025-07", "dynamodb/pricing/on-demand"),
    "read hour": Price("DynamoDB", "read unit-hours", "0.00013", ONE, "2026-03", "dynamodb/pricing/provisioned"),
    "write hour": Price("DynamoDB", "write unit-hours", "0.00065", ONE, "2026-03", "dynamodb/pricing/provisioned"),
    "stored": Price("DynamoDB", "bytes stored for a month", "0.25", GIGABYTE, "2026-03", "dynamodb/pricing/on-demand"),
    "event": Price("EventBridge", "custom events of up to 64 KB", "1.00", MILLION, "2026-06", "eventbridge/pricing"),
    "queue": Price("SQS", "requests of up to 64 KB", "0.40", MILLION, "2026-06", "sqs/pricing"),
    "log": Price("CloudWatch", "bytes of logs ingested", "0.50", GIGABYTE, "2026-06", "cloudwatch/pricing"),
    "log stored": Price(
        "CloudWatch", "bytes of logs stored for a month", "0.03", GIGABYTE, "2026", "cloudwatch/pricing"
    ),
    "trace": Price("X-Ray", "traces", "5.00", MILLION, "undated", "xray/pricing"),
    "metric": Price("CloudWatch", "custom metrics for a month", "0.30", ONE, "2026-02", "cloudwatch/pricing"),
    "alarm": Price("CloudWatch", "alarms for a month", "0.10", ONE, "undated", "cloudwatch/pricing"),
    "dashboard": Price("CloudWatch", "dashboards for a month", "3.00", ONE, "2026-06", "cloudwatch/pricing"),
}

# ---- Assumptions --------------------------------------------------------------

# Milliseconds of a call as the function sees it, within the Region.
LATENCIES = {
    "GetItem": Decimal(4),
    "BatchGetItem": Decimal(5),
    "PutItem": Decimal(6),
    "UpdateItem": Decimal(6),
    "TransactWriteItems": Decimal(14),
    "PutEvents": Decimal(20),
}
# Milliseconds that an invocation computes.
COMPUTE_MILLISECONDS = Decimal(4)
# Stream records in one relay invocation without a batching window.
RECORDS_PER_RELAY = Decimal(1)
# A few orders. The stream of the Inventory table has a batching window.
ORDERS_PER_SECOND = Decimal(2)
LOG_COMPRESSION = Decimal("0.15")
RESPONSE_HEADER_BYTES = 400
# FixedRate of the sampling rule in template.yaml. Functions follow the decision of the API.
TRACED_SHARE = Decimal("0.01")
CUSTOM_METRICS = 6
# Requests of a month with which Lambda polls an empty queue: five pollers that wait twenty seconds.
# <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
IDLE_POLLS = Decimal(5 * 3 * 60 * 24 * 30)

# ---- Request units, as documented by AWS --------------------------------------

# <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
ITEM_OVERHEAD_BYTES = 100
WRITE_UNIT_BYTES = 1024
# <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
TRANSACTION_UNITS = 2


@dataclass(frozen=True)
class Step:
    """One order's share of an invocation."""

    trigger: str  # "api", "stream" or "bus"
    calls: Mapping[str, Decimal]
    reads: Decimal
    writes: Decimal
    events: Decimal
    response_bytes: Decimal
    log_bytes: Decimal
    queue_requests: Decimal = Decimal(0)
    invocations: Decimal = ONE  # less than one if several orders share the invocation
    parallel_calls: Decimal = ONE  # calls that the invocation makes at the same time

    @property
    def seconds(self) -> Decimal:
        """Duration of the whole invocation."""
        waiting = sum((LATENCIES[call] * count for call, count in self.calls.items()), Decimal(0))
        return (COMPUTE_MILLISECONDS + waiting / self.invocations / self.parallel_calls) / 1000


@dataclass(frozen=True)
class Design:
    """A way to process orders: its steps from Placed to Confirmed, and prices that differ."""

    name: str
    steps: Sequence[Step]
    trade_off: str = ""
    is_equivalent: bool = False  # another design with the same guarantees, kind of API and capacity
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    def price_charges(self) -> dict[str, Decimal]:
        """Returns the dollars for a million orders, by the keys of PRICES."""
        usage = measure_usage(self.steps)
        return {key: amount * self.prices.get(key, PRICES[key].unit_price) * MILLION for key, amount in usage.items()}

    def price_services(self) -> dict[str, Decimal]:
        """Returns the dollars for a million orders by service, in the order of PRICES."""
        sums: dict[str, Decimal] = {}
        for key, amount in self.price_charges().items():
            service = PRICES[key].service
            sums[service] = sums.get(service, Decimal(0)) + amount
        return sums

    @property
    def total(self) -> Decimal:
        """Dollars for a million orders."""
        return sum(self.price_charges().values(), Decimal(0))


def measure_usage(steps: Iterable[Step]) -> dict[str, Decimal]:
    """Returns the amounts that one order uses in these steps, by the keys of PRICES."""
    usage: dict[str, Decimal] = {}

    def add(key: str, amount: Decimal) -> None:
        usage[key] = usage.get(key, Decimal(0)) + amount

    for step in steps:
        if step.trigger == "api":
            add("rest", ONE)
            add("egress", step.response_bytes + RESPONSE_HEADER_BYTES)
            add("trace", TRACED_SHARE)
        add("invocation", step.invocations)
        billed = Decimal(math.ceil(step.seconds * 1000)) / 1000
        add("x86_64", billed * read_memory_gigabytes() * step.invocations)
        add("read", step.reads)
        add("write", step.writes)
        add("event", step.events)
        add("queue", step.queue_requests)
        add("log", step.log_bytes)
        add("log stored", step.log_bytes * LOG_COMPRESSION)
    return {key: usage[key] for key in PRICES if usage.get(key)}


# ---- Measured steps -------------------------------------------------------------

API_STEPS = {"place", "ship", "deliver", "cancel"}
PLACED = ["place", "relayPlaced"]
CONFIRMED = [*PLACED, "reserve", "relayConfirmed"]
LIFECYCLES = {
    "Placed to Confirmed": CONFIRMED,
    "… to Delivered": [
        *CONFIRMED,
        *["ship", "relayShipped", "shipped"],
        *["deliver", "relayDelivered", "delivered"],
    ],
    "… to Canceled": [*CONFIRMED, "cancel", "relayCanceled", "canceled"],
    "Placed to Rejected": [*PLACED, "reject", "relayRejected"],
}
ORDERS = {"oneLine": "one line", "twoLines": "two lines"}


def load_counts() -> Any:
    """Loads the measured counts, by order and step."""
    return json.loads(COUNTED.read_text(encoding="utf-8"), parse_float=Decimal)


def build_step(order: Any, name: str) -> Step:
    """Builds a step from its measured counts."""
    step = order["steps"][name]
    # A canceled transaction was prepared but never committed: one unit for each action.
    canceled = sum(step["canceledActions"].values())
    is_relay = name.startswith("relay")
    return Step(
        trigger="api" if name in API_STEPS else "stream" if is_relay else "bus",
        calls={call: Decimal(count) for call, count in step["calls"].items()},
        reads=Decimal(sum(step["reads"].values())),
        writes=Decimal(sum(step["writes"].values()) + canceled),
        events=Decimal(1 if "eventBytes" in step else 0),
        response_bytes=Decimal(step.get("answerBytes", 0)),
        log_bytes=Decimal(step["logBytes"]),
        invocations=1 / RECORDS_PER_RELAY if is_relay else ONE,
    )


def build_design(order: Any, lifecycle: Sequence[str] = CONFIRMED) -> Design:
    """Builds the design of this project for a lifecycle of an order."""
    return Design("this project", [build_step(order, name) for name in lifecycle])


def read_memory_gigabytes() -> Decimal:
    """Reads the memory size of the functions from template.yaml."""
    return _read_number("MemorySize", TEMPLATE.read_text(encoding="utf-8")) / 1024


def read_order_stream(setting: str) -> Decimal:
    """Reads a setting of the Orders table's stream from template.yaml."""
    return _read_number(setting, _read_block("OrderStream", 10))


def read_stock_stream(setting: str) -> Decimal:
    """Reads a setting of the Inventory table's stream from template.yaml."""
    return _read_number(setting, _read_block("InventoryStream", 4))


def _read_block(name: str, indent: int) -> str:
    template = TEMPLATE.read_text(encoding="utf-8")
    [block] = re.findall(rf"^ *{name}:\n(?: {{{indent}}}.*\n)+", template, re.MULTILINE)
    return str(block)


def _read_number(setting: str, text: str) -> Decimal:
    found = re.findall(rf"^ *{setting}: (\d+)$", text, re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"template.yaml sets {setting} {len(found)} times; the model supports one value")
    return Decimal(found[0])
