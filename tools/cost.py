"""What a million orders cost on AWS, by service, and what other designs would cost.

    python tools/cost.py            prints the tables
    python tools/cost.py --write    puts them into docs/cost.md
    python tools/cost.py --check    fails if docs/cost.md has others

What is counted stands in tools/counted.json, which a test holds against the
code (tests/tests/integration/cost.rs). What is not counted stands here, with
where it is from.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "cost.md"
COUNTED = ROOT / "tools" / "counted.json"
TEMPLATE = ROOT / "template.yaml"

MILLION = Decimal(1_000_000)
GIGABYTE = Decimal(2**30)
HOUR_SECONDS = Decimal(3600)


@dataclass(frozen=True)
class Price:
    """What AWS charges, in the first tier and without the free tier."""

    service: str
    unit: str
    dollars: str
    per: Decimal
    as_of: str
    page: str

    @property
    def of_one(self) -> Decimal:
        """Dollars for one unit."""
        return Decimal(self.dollars) / self.per


# ---- Prices -----------------------------------------------------------------
#
# Of us-east-1, which AWS's own examples are of. The month is that of the newest
# copy of the page, or account of it, in which the figure was seen. DynamoDB's
# on-demand requests cost half of what they did before November 2024.

REGION = "us-east-1"
ONE = Decimal(1)
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
    "stored": Price("DynamoDB", "bytes kept a month", "0.25", GIGABYTE, "2026-03", "dynamodb/pricing/on-demand"),
    "event": Price("EventBridge", "custom events of up to 64 KB", "1.00", MILLION, "2026-06", "eventbridge/pricing"),
    "queue": Price("SQS", "requests of up to 64 KB", "0.40", MILLION, "2026-06", "sqs/pricing"),
    "log": Price("CloudWatch", "bytes of logs", "0.50", GIGABYTE, "2026-06", "cloudwatch/pricing"),
    "log kept": Price("CloudWatch", "bytes of logs kept a month", "0.03", GIGABYTE, "2026", "cloudwatch/pricing"),
    "trace": Price("X-Ray", "traces", "5.00", MILLION, "undated", "xray/pricing"),
    "metric": Price("CloudWatch", "custom metrics for a month", "0.30", ONE, "2026-02", "cloudwatch/pricing"),
    "alarm": Price("CloudWatch", "alarms for a month", "0.10", ONE, "undated", "cloudwatch/pricing"),
    "dashboard": Price("CloudWatch", "dashboards for a month", "3.00", ONE, "2026-06", "cloudwatch/pricing"),
}

# ---- What is assumed ----------------------------------------------------------

# Milliseconds of a call as the function sees it, within the region.
LATENCIES = {
    "GetItem": Decimal(4),
    "BatchGetItem": Decimal(5),
    "PutItem": Decimal(6),
    "UpdateItem": Decimal(6),
    "TransactWriteItems": Decimal(14),
    "PutEvents": Decimal(20),
}
# Milliseconds of an invocation's own work.
OWN_WORK = Decimal(4)
# Records of the stream that wake the relay together.
RECORDS_PER_RELAY = Decimal(1)
# What Lambda writes for each invocation, in the JSON format:
# <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>
_AT = '{"time":"2026-01-01T00:00:00.000Z","type":"platform.'
_OF = '","record":{"requestId":"79b4f56e-95b1-4643-9700-2807f4e68189",'
PLATFORM_LINES = (
    _AT + "start" + _OF + '"version":"$LATEST"}}',
    _AT + "report" + _OF + '"metrics":{"durationMs":20.123,"billedDurationMs":21,"memorySizeMB":256,'
    '"maxMemoryUsedMB":24},"status":"success"}}',
)
# The function's own, for each order: a line of what it did, and one of metrics.
OWN_LINES = 2
OWN_LINE_BYTES = 450
# <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
LINE_OVERHEAD_BYTES = 26
LOG_BYTES_OF_INVOCATION = sum(len(line) + LINE_OVERHEAD_BYTES for line in PLATFORM_LINES)
LOG_BYTES_OF_ORDER = (OWN_LINE_BYTES + LINE_OVERHEAD_BYTES) * OWN_LINES
LOG_COMPRESSION = Decimal("0.15")
# Headers of an answer.
HEADER_BYTES = 400
# X-Ray's default, past the first request of each second:
# <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-enabling-xray.html>
TRACED = Decimal("0.05")
CUSTOM_METRICS = 6

# ---- What AWS documents of units -----------------------------------------------

# <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
ITEM_OVERHEAD_BYTES = 100
WRITE_UNIT_BYTES = 1024
# <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
UNITS_OF_TRANSACTION = 2

# ---- Of the alternatives --------------------------------------------------------

BATCH = Decimal(10)
# A receive and a delete of SQS take up to ten messages.
QUEUE_BATCH = Decimal(10)
UTILIZATION = Decimal("0.70")


@dataclass(frozen=True)
class Step:
    """An invocation in the life of an order: what one order has of it."""

    trigger: str  # "api", "stream" or "bus"
    calls: Mapping[str, Decimal]
    reads: Decimal
    writes: Decimal
    events: Decimal
    answer_bytes: Decimal
    queue_requests: Decimal = Decimal(0)
    invocations: Decimal = ONE  # less than one where several orders share it

    @property
    def seconds(self) -> Decimal:
        """How long the invocation runs, whoever shares it."""
        waiting = sum((LATENCIES[call] * count for call, count in self.calls.items()), Decimal(0))
        return (OWN_WORK + waiting / self.invocations) / 1000


@dataclass(frozen=True)
class Design:
    """A way to take orders, by its steps from Placed to Confirmed."""

    name: str
    steps: Sequence[Step]
    means: str = ""
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    def dollars(self) -> dict[str, Decimal]:
        """What a million orders cost, by the keys of PRICES."""
        used = usage(self.steps)
        return {key: amount * self.prices.get(key, PRICES[key].of_one) * MILLION for key, amount in used.items()}

    def total(self) -> Decimal:
        """The same in one sum."""
        return sum(self.dollars().values(), Decimal(0))


def usage(steps: Iterable[Step]) -> dict[str, Decimal]:
    """What one order uses in these steps, by the keys of PRICES."""
    used: dict[str, Decimal] = {}

    def add(key: str, amount: Decimal) -> None:
        used[key] = used.get(key, Decimal(0)) + amount

    for step in steps:
        if step.trigger == "api":
            add("rest", ONE)
            add("egress", step.answer_bytes + HEADER_BYTES)
        if step.trigger != "bus":
            add("trace", TRACED * step.invocations)
        add("invocation", step.invocations)
        billed = Decimal(math.ceil(step.seconds * 1000)) / 1000
        add("x86_64", billed * memory_gigabytes() * step.invocations)
        add("read", step.reads)
        add("write", step.writes)
        add("event", step.events)
        add("queue", step.queue_requests)
        logged = LOG_BYTES_OF_INVOCATION * step.invocations + LOG_BYTES_OF_ORDER
        add("log", logged)
        add("log kept", logged * LOG_COMPRESSION)
    return {key: used[key] for key in PRICES if used.get(key)}


# ---- What is counted --------------------------------------------------------------

API_STEPS = {"place", "ship", "deliver", "cancel"}
PLACED = ["place", "relayPlaced"]
CONFIRMED = [*PLACED, "reserve"]
LIVES = {
    "Placed to Confirmed": CONFIRMED,
    "… to Delivered": [
        *CONFIRMED,
        *["ship", "relayShipped", "shipped"],
        *["deliver", "relayDelivered", "delivered"],
    ],
    "… to Canceled": [*CONFIRMED, "cancel", "relayCanceled", "canceled"],
    "Placed to Rejected": [*PLACED, "reject", "relayRejected"],
}
LINES = {"oneLine": "one line", "twoLines": "two lines"}


def counted() -> Any:
    """What the test counts, by order and step."""
    return json.loads(COUNTED.read_text(encoding="utf-8"), parse_float=Decimal)


def step_of(order: Any, name: str) -> Step:
    """A step as it was counted."""
    step = order["steps"][name]
    # Such a transaction was prepared, and never committed.
    canceled = sum(step["canceledActions"].values())
    relay = name.startswith("relay")
    return Step(
        trigger="api" if name in API_STEPS else "stream" if relay else "bus",
        calls={call: Decimal(count) for call, count in step["calls"].items()},
        reads=Decimal(sum(step["reads"].values())),
        writes=Decimal(sum(step["writes"].values()) + canceled),
        events=Decimal(1 if relay else 0),
        answer_bytes=Decimal(step.get("answerBytes", 0)),
        invocations=1 / RECORDS_PER_RELAY if relay else ONE,
    )


def this_design(order: Any, life: Sequence[str] = CONFIRMED) -> Design:
    """The design as it is, for a life of an order."""
    return Design("this design", [step_of(order, name) for name in life])


def template_number(setting: str) -> Decimal:
    """A number of template.yaml that stands there once."""
    return _only_number(setting, TEMPLATE.read_text(encoding="utf-8"))


def stream_batch_size() -> Decimal:
    """How many records of the stream the relay is handed at most."""
    [mapping] = re.findall(r"^ *OrderStream:\n(?: {10}.*\n)+", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
    return _only_number("BatchSize", mapping)


def _only_number(setting: str, text: str) -> Decimal:
    found = re.findall(rf"^ *{setting}: (\d+)$", text, re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"template.yaml sets {setting} {len(found)} times; this reckons with one for all")
    return Decimal(found[0])


def memory_gigabytes() -> Decimal:
    """What each function has."""
    return template_number("MemorySize") / 1024


# ---- The alternatives ---------------------------------------------------------------


def alternatives(order: Any) -> list[Design]:
    """The design as it is, and what else one might do."""
    base = this_design(order)
    place, relay, reserve = base.steps
    full_batch = stream_batch_size()
    stock = Decimal(order["steps"]["reserve"]["writes"]["inventory"])
    arm64 = {"x86_64": PRICES["arm64"].of_one}
    http = {"rest": PRICES["http"].of_one}
    per_second = UTILIZATION * HOUR_SECONDS
    batched = [place, relay, in_batches(reserve, stock)]
    return [
        base,
        Design(
            "relay woken by full batches",
            [place, with_full_batches(relay, full_batch), reserve],
            f"this design under load: {full_batch} records wake the relay together",
        ),
        Design(
            "publish in the request",
            [with_event(place, relay), reserve],
            "a crash between the two calls loses the event, or tells of an order that does not exist",
        ),
        Design(
            "HTTP API",
            base.steps,
            "no usage plans and API keys, no request validation, no X-Ray, no web application firewall",
            http,
        ),
        Design(
            "separate idempotency table",
            [with_calls(place, {"PutItem": ONE, "GetItem": ONE}, reads=1, writes=1), relay, reserve],
            "one more write and its read; a record that is claimed first and completed later writes once more",
        ),
        Design(
            "separate outbox table",
            [with_outbox(place, order), relay, reserve],
            "order and event are two items in one transaction; the event's item has to expire",
        ),
        Design(
            f"reservations in batches of {BATCH}",
            batched,
            "a queue before the consumer; orders of one product share the write of its stock",
        ),
        Design("arm64", base.steps, "as in staging and prod; the same duration is assumed", arm64),
        Design(
            "provisioned capacity",
            base.steps,
            f"a load so steady that {UTILIZATION:.0%} of what is paid for is used",
            {"read": PRICES["read hour"].of_one / per_second, "write": PRICES["write hour"].of_one / per_second},
        ),
        Design(
            "HTTP API, arm64 and batches together",
            batched,
            "the cheapest of these that loses no event",
            {**arm64, **http},
        ),
    ]


def with_calls(step: Step, calls: Mapping[str, Decimal], reads: int = 0, writes: int = 0) -> Step:
    """A step that makes more calls."""
    names = {*step.calls, *calls}
    more = {name: step.calls.get(name, Decimal(0)) + calls.get(name, Decimal(0)) for name in sorted(names)}
    return replace(step, calls=more, reads=step.reads + reads, writes=step.writes + writes)


def with_event(place: Step, relay: Step) -> Step:
    """Placing that publishes the event itself."""
    return replace(with_calls(place, relay.calls), events=relay.events)


def with_outbox(place: Step, order: Any) -> Step:
    """Placing that writes order and event as two items in one transaction."""
    orders = order["steps"]["place"]["writes"]["orders"]
    calls = {**place.calls, "TransactWriteItems": place.calls["PutItem"]}
    del calls["PutItem"]
    # The order's write becomes one of a transaction; the event's is another.
    more = orders * (UNITS_OF_TRANSACTION - 1) + UNITS_OF_TRANSACTION
    return replace(place, calls=calls, writes=place.writes + more)


def with_full_batches(relay: Step, records: Decimal) -> Step:
    """The relay's share of one order when so many records wake it together."""
    entries = Decimal(10)  # of one PutEvents
    calls = {call: count / entries for call, count in relay.calls.items()}
    return replace(relay, calls=calls, invocations=1 / records)


def in_batches(reserve: Step, stock_writes: Decimal) -> Step:
    """A reservation's share when a transaction reserves for so many orders of one product."""
    return replace(
        reserve,
        calls={call: count / BATCH for call, count in reserve.calls.items()},
        writes=reserve.writes - stock_writes + stock_writes / BATCH,
        queue_requests=1 + 2 / QUEUE_BATCH,
        invocations=1 / BATCH,
    )


# ---- Tables -------------------------------------------------------------------------


def money(dollars: Decimal) -> str:
    """Dollars and cents."""
    return f"{dollars.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"


def difference(dollars: Decimal) -> str:
    """Dollars and cents more or less."""
    return f"{dollars.quantize(Decimal('0.01'), ROUND_HALF_EVEN):+,}"


def percent(part: Decimal, whole: Decimal) -> str:
    """A share, in whole percent."""
    return f"{(100 * part / whole).quantize(ONE, ROUND_HALF_EVEN)}%"


def plain(number: Decimal) -> str:
    """A number with at most four places after the point, and no more than it needs."""
    rounded = number.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    return f"{rounded.normalize():,f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; columns after the first that hold numbers are aligned by their heads (`>`)."""
    rule = ["---:" if name.startswith(">") else "---" for name in head]
    lines = [[name.removeprefix(">") for name in head], rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_service(dollars: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Sums of what belongs to one service, in the order of PRICES."""
    sums: dict[str, Decimal] = {}
    for key, amount in dollars.items():
        service = PRICES[key].service
        sums[service] = sums.get(service, Decimal(0)) + amount
    return sums


def services_table(orders: Any) -> str:
    """The bill by service."""
    bills = {name: by_service(this_design(orders[name]).dollars()) for name in LINES}
    totals = {name: sum(bill.values(), Decimal(0)) for name, bill in bills.items()}
    head = ["service", *(cell for text in LINES.values() for cell in (f">$, {text}", ">share"))]

    def row(label: str, of: Callable[[str], Decimal]) -> list[str]:
        return [label, *(cell for name in LINES for cell in (money(of(name)), percent(of(name), totals[name])))]

    rows = [row(service, lambda name, service=service: bills[name][service]) for service in bills["oneLine"]]
    return table(head, [*rows, row("**total**", totals.__getitem__)])


def charges_table(orders: Any) -> str:
    """The bill of an order with one line, charge by charge."""
    design = this_design(orders["oneLine"])
    used, dollars = usage(design.steps), design.dollars()
    rows = [
        [PRICES[key].service, PRICES[key].unit, plain(used[key]), money(dollars[key])]
        for key in sorted(dollars, key=lambda key: -dollars[key])
    ]
    return table(["service", "charged", ">an order uses", ">$"], rows)


def steps_table(orders: Any) -> str:
    """What was counted, step by step."""
    rows = []
    for name in dict.fromkeys(name for life in LIVES.values() for name in life):
        both = [step_of(orders[lines], name) for lines in LINES]
        calls = ", ".join(f"{count} {call}" for call, count in both[0].calls.items())
        units = [" / ".join(plain(of(step)) for step in both) for of in (lambda s: s.reads, lambda s: s.writes)]
        rows.append([f"`{name}`", both[0].trigger, calls, *units, plain(both[0].seconds * 1000)])
    return table(["step", "woken by", "calls", ">read units", ">write units", ">ms, assumed"], rows)


def lives_table(orders: Any) -> str:
    """What the ways cost that an order can go."""
    rows = []
    for life, names in LIVES.items():
        designs = [this_design(orders[lines], names) for lines in LINES]
        writes = [plain(usage(design.steps)["write"]) for design in designs]
        rows.append([life, *(money(design.total()) for design in designs), " / ".join(writes)])
    return table(["life", *(f">$, {text}" for text in LINES.values()), ">write units"], rows)


def alternatives_table(orders: Any) -> str:
    """What other designs would cost."""
    designs = alternatives(orders["oneLine"])
    base = designs[0].total()
    rows = []
    for design in designs:
        bill = by_service(design.dollars())
        most = max(bill, key=lambda service: bill[service])
        change = "" if design is designs[0] else difference(design.total() - base)
        rows.append(
            [design.name, money(design.total()), change, f"{most} {percent(bill[most], design.total())}", design.means]
        )
    return table(["design", ">$", ">difference", "dominated by", "what it means"], rows)


def sizes_table(orders: Any) -> str:
    """How large an order is, and how many lines a write unit takes."""
    one, two = (orders[lines] for lines in LINES)
    placed = one["itemBytes"]["placed"]
    line = two["itemBytes"]["placed"] - placed
    rows = [
        ["the order's item, placed", str(placed)],
        ["… confirmed, its event published", str(one["itemBytes"]["confirmed"])],
        ["… for each further line", str(line)],
        ["its entry in the index", str(one["indexEntryBytes"])],
        ["its event on the bus", str(one["steps"]["relayPlaced"]["eventBytes"])],
        ["the answer to the client", str(one["steps"]["place"]["answerBytes"])],
        [f"lines of an order within one write unit ({WRITE_UNIT_BYTES})", str(1 + (WRITE_UNIT_BYTES - placed) // line)],
    ]
    return table(["of an order with one line", ">bytes"], rows)


def kept_table(orders: Any) -> str:
    """What is paid for by the month, whatever the load."""
    text = TEMPLATE.read_text(encoding="utf-8")
    item = Decimal(orders["oneLine"]["itemBytes"]["confirmed"] + orders["oneLine"]["indexEntryBytes"])
    stored = (item + 2 * ITEM_OVERHEAD_BYTES) * MILLION
    amounts = {
        "stored": stored,
        "metric": Decimal(CUSTOM_METRICS),
        # Those with a condition are not there by default.
        "alarm": Decimal(text.count("Type: AWS::CloudWatch::Alarm\n    Properties:\n")),
        "dashboard": Decimal(text.count("Type: AWS::CloudWatch::Dashboard\n")),
    }
    rows = [
        [PRICES[key].service, PRICES[key].unit, plain(amount), money(amount * PRICES[key].of_one)]
        for key, amount in amounts.items()
    ]
    return table(["service", "charged", ">amount", ">$ a month"], rows)


def prices_table() -> str:
    """The prices, with where they are from."""
    units = {ONE: "1", MILLION: "1,000,000", GIGABYTE: "GB"}
    rows = [
        [
            price.service,
            price.unit,
            price.dollars,
            units[price.per],
            price.as_of,
            f"[{price.page}](https://aws.amazon.com/{price.page}/)",
        ]
        for price in PRICES.values()
    ]
    return table(["service", "charged", ">$", ">per", "as of", "page"], rows)


def assumptions_table() -> str:
    """What is not counted."""
    latencies = ", ".join(f"{call} {plain(time)}" for call, time in LATENCIES.items())
    rows = [
        ["a call, ms", latencies, 'DynamoDB\'s own "single-digit milliseconds" for single items; else experience'],
        ["own work of an invocation, ms", plain(OWN_WORK), "1.5 million instructions on a seventh of a vCPU (256 MB)"],
        ["memory, MB", plain(memory_gigabytes() * 1024), "`template.yaml`"],
        [
            "records that wake the relay together",
            plain(RECORDS_PER_RELAY),
            "the worst case: a load of a few orders a second",
        ],
        ["logs of an invocation, bytes", str(LOG_BYTES_OF_INVOCATION), "Lambda's own lines, as documented"],
        ["… and of each order in it", str(LOG_BYTES_OF_ORDER), "a line of what was done, and one of metrics"],
        ["logs kept, of what came in", percent(LOG_COMPRESSION, ONE), "compressed; `template.yaml` keeps them 30 days"],
        ["headers of an answer, bytes", str(HEADER_BYTES), "what API Gateway adds"],
        ["traced", percent(TRACED, ONE), "X-Ray's default, past the first request of each second"],
        ["custom metrics", str(CUSTOM_METRICS), "placed, confirmed, rejected, canceled, outbox lag, conflicts"],
        [
            "a write of a transaction, units",
            str(UNITS_OF_TRANSACTION),
            "DynamoDB: to prepare and to commit; half where it is canceled",
        ],
    ]
    return table(["what", "assumed", "from"], rows)


def tables() -> dict[str, str]:
    """Every table of docs/cost.md by its name."""
    orders = counted()
    return {
        "services": services_table(orders),
        "charges": charges_table(orders),
        "lives": lives_table(orders),
        "alternatives": alternatives_table(orders),
        "steps": steps_table(orders),
        "sizes": sizes_table(orders),
        "kept": kept_table(orders),
        "assumptions": assumptions_table(),
        "prices": prices_table(),
    }


# ---- The document -------------------------------------------------------------------


def filled(document: Path, tables: Mapping[str, str]) -> str:
    """A document with each table between the marks that name it."""
    text = document.read_text(encoding="utf-8")
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        if text.count(begin) != 1 or text.count(end) != 1:
            sys.exit(f"{document.name}: the marks of {name} must stand there once")
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n{content}\n\n{end}{tail}"
    return text


def publish(document: Path, tables: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Prints the tables, or writes them into the document, or checks that they are there."""
    match arguments:
        case []:
            print("\n\n".join(f"{name}\n\n{content}" for name, content in tables.items()))
        case ["--write"]:
            document.write_text(filled(document, tables), encoding="utf-8")
        case ["--check"]:
            if document.read_text(encoding="utf-8") != filled(document, tables):
                sys.exit(f"{document.relative_to(ROOT)} is not what the counts come to: make cost-write")
        case _:
            sys.exit(f"usage: {Path(sys.argv[0]).name} [--write | --check]")
    return 0


if __name__ == "__main__":
    sys.exit(publish(DOCUMENT, tables(), sys.argv[1:]))
