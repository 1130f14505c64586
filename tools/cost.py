"""Reports the cost of a million orders on AWS, by service, charge, lifecycle and design.

python tools/cost.py            prints the tables
python tools/cost.py --write    updates docs/cost.md and docs/data/cost-*.csv
python tools/cost.py --check    fails if one of them is out of date
"""

import re
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import cost_budgets
import cost_model as model
import cost_relay
from cost_designs import build_designs, fill_relay_batch
from cost_model import LIFECYCLES, MILLION, ONE, ORDERS, PRICES, Design
from cost_units import render_units
from figures import (
    DOCS,
    Report,
    format_data,
    format_difference,
    format_money,
    format_number,
    format_share,
    publish,
    render_csv,
    render_table,
)

# Charges in the table of the page; docs/data has all of them.
LARGEST_CHARGES = 5
# Units of the prices.
PER = {ONE: "1", MILLION: "1000000", model.GIGABYTE: "GB"}
# An alarm that is deployed by default. The other conditions of alarms are false by default.
DEFAULT_ALARM = re.compile(r"Type: AWS::CloudWatch::Alarm\n(?:    Condition: StockIsRelayed\n)?    Properties:\n")


def build_report() -> Report:
    """Builds every table of docs/cost.md and every file of docs/data/cost-*.csv."""
    orders = model.load_counts()
    order = orders["oneLine"]
    budgets = cost_budgets.build_budgets(order)
    if exceeded := cost_budgets.list_exceeded(budgets):
        sys.exit("\n".join(["over budget:", *exceeded]))
    return Report(
        DOCS / "cost.md",
        tables={
            "services": render_services(orders),
            "charges": render_charges(orders),
            "budgets": cost_budgets.render_budgets(budgets),
            "units": render_units(order),
            "lifecycles": render_lifecycles(orders),
            "fulfillment": render_fulfillment(orders),
            "windows": cost_relay.render_windows(order),
            "designs": render_designs(orders),
            "sizes": render_sizes(orders),
            "monthly": render_monthly(orders),
            "assumptions": render_assumptions(),
        },
        data={
            "cost-by-service.csv": list_services(orders),
            "cost-charges.csv": list_charges(orders),
            "cost-steps.csv": list_steps(orders),
            "cost-prices.csv": list_prices(),
            "cost-relay-windows.csv": cost_relay.list_windows(order),
        },
    )


# ---- Tables of the page ---------------------------------------------------------


def render_services(orders: Any) -> str:
    """Renders the cost by service."""
    services = {name: model.build_design(orders[name]).price_services() for name in ORDERS}
    totals = {name: sum(dollars.values(), Decimal(0)) for name, dollars in services.items()}
    head = ["service", *(cell for text in ORDERS.values() for cell in (f">$, {text}", ">share"))]

    def row(label: str, get: Callable[[str], Decimal]) -> list[str]:
        cells = ((format_money(get(name)), format_share(get(name), totals[name])) for name in ORDERS)
        return [label, *(cell for pair in cells for cell in pair)]

    rows = [row(service, lambda name, service=service: services[name][service]) for service in services["oneLine"]]
    return render_table(head, [*rows, row("**total**", totals.__getitem__)])


def render_charges(orders: Any) -> str:
    """Renders the largest charges of an order with one line."""
    rows = [
        [PRICES[key].service, PRICES[key].unit, format_number(amount), format_money(dollars)]
        for key, amount, dollars in _sort_charges(orders)[:LARGEST_CHARGES]
    ]
    return render_table(["service", "charge", ">per order", ">$"], rows)


def render_lifecycles(orders: Any) -> str:
    """Renders the cost of each lifecycle of an order."""
    rows = []
    for lifecycle, names in LIFECYCLES.items():
        designs = [model.build_design(orders[lines], names) for lines in ORDERS]
        writes = [format_number(model.measure_usage(design.steps)["write"]) for design in designs]
        rows.append([lifecycle, *(format_money(design.total) for design in designs), " / ".join(writes)])
    return render_table(["lifecycle", *(f">$, {text}" for text in ORDERS.values()), ">write units"], rows)


def render_fulfillment(orders: Any) -> str:
    """Renders the cost of OrderConfirmed and of the list of orders to ship."""
    order = orders["oneLine"]
    relay = model.build_step(order, "relayConfirmed")
    full_relay = fill_relay_batch(order, relay)
    rows = [
        [f"event OrderConfirmed, {text}", format_money(Design("", [step]).total)]
        for text, step in (("in a relay invocation of its own", relay), ("in a full relay batch", full_relay))
    ]
    rate = format_number(model.ORDERS_PER_SECOND)
    thresholds = format_money(cost_relay.price_threshold_relay(order))
    rows.append([f"stock events, `thresholds`, {rate} orders per second that cross none", thresholds])
    stock = format_money(Design("", [model.build_step(order, "relayStockAll")]).total)
    rows.append(["stock events, `all`, in a relay invocation of their own", stock])
    for step, text in (("reserve", "confirming"), ("ship", "shipping"), ("cancel", "canceling")):
        units = Decimal(order["steps"][step]["writes"]["orders/OrdersToShip"])
        dollars = format_money(units * PRICES["write"].unit_price * MILLION)
        rows.append([f"index of orders to ship, {text}: {format_number(units)} write unit", dollars])
    return render_table(["for a million orders", ">$"], rows)


def render_designs(orders: Any) -> str:
    """Renders the cost of this project and of the alternatives."""
    designs = build_designs(orders["oneLine"])
    base = designs[0]
    rows = []
    for design in designs:
        services = design.price_services()
        largest = max(services, key=lambda service: services[service])
        change = "" if design is base else format_difference(design.total - base.total)
        share = f"{largest} {format_share(services[largest], design.total)}"
        rows.append([design.name, format_money(design.total), change, share, design.trade_off])
    return render_table(["design", ">$", ">difference", "largest share", "trade-off"], rows)


def render_sizes(orders: Any) -> str:
    """Renders the sizes of an order, and how many lines fit in one write unit."""
    one, two = (orders[lines] for lines in ORDERS)
    placed = one["itemBytes"]["placed"]
    line = two["itemBytes"]["placed"] - placed
    placed_lines, delivered_lines = (
        1 + (model.WRITE_UNIT_BYTES - one["itemBytes"][status]) // line for status in ("placed", "delivered")
    )
    rows = [
        ["item in Orders, placed", str(placed)],
        ["… confirmed", str(one["itemBytes"]["confirmed"])],
        ["… delivered", str(one["itemBytes"]["delivered"])],
        ["… for each further line", str(line)],
        ["entry in the index of the customer's orders", str(one["indexEntryBytes"])],
        ["entry in the index of orders to ship", str(one["toShipEntryBytes"])],
        ["event OrderPlaced on the bus", str(one["steps"]["relayPlaced"]["eventBytes"])],
        ["event OrderConfirmed on the bus", str(one["steps"]["relayConfirmed"]["eventBytes"])],
        ["response to the client", str(one["steps"]["place"]["answerBytes"])],
        [f"order lines that fit in one write unit ({model.WRITE_UNIT_BYTES} bytes), placed", str(placed_lines)],
        ["… delivered", str(delivered_lines)],
    ]
    return render_table(["of an order with one line", ">bytes"], rows)


def render_monthly(orders: Any) -> str:
    """Renders the charges by the month, which do not depend on the load."""
    template = model.TEMPLATE.read_text(encoding="utf-8")
    order = orders["oneLine"]
    stored = [order["itemBytes"]["confirmed"], order["indexEntryBytes"], order["toShipEntryBytes"]]
    bytes_of_order = Decimal(sum(stored) + len(stored) * model.ITEM_OVERHEAD_BYTES)
    amounts = {
        "stored": bytes_of_order * MILLION,
        "queue": model.IDLE_POLLS,
        "metric": Decimal(model.CUSTOM_METRICS),
        "alarm": Decimal(len(DEFAULT_ALARM.findall(template))),
        "dashboard": Decimal(template.count("Type: AWS::CloudWatch::Dashboard\n")),
    }
    rows = [
        [PRICES[key].service, PRICES[key].unit, format_number(amount), format_money(amount * PRICES[key].unit_price)]
        for key, amount in amounts.items()
    ]
    return render_table(["service", "charge", ">amount", ">$ per month"], rows)


def render_assumptions() -> str:
    """Renders the inputs that are not measured."""
    latencies = ", ".join(f"{call} {format_number(time)}" for call, time in model.LATENCIES.items())
    memory = format_number(model.read_memory_gigabytes() * 1024)
    rows = [
        ["call, ms", latencies, 'single items: DynamoDB\'s "single-digit milliseconds"; other calls: experience'],
        [
            "computation per invocation, ms",
            format_number(model.COMPUTE_MILLISECONDS),
            "1.5 million instructions on one seventh of a vCPU (256 MB)",
        ],
        ["memory, MB", memory, "`template.yaml`"],
        [
            "stream records per relay invocation",
            format_number(model.RECORDS_PER_RELAY),
            "worst case, without a batching window",
        ],
        [
            "stored log bytes, share of ingested",
            format_share(model.LOG_COMPRESSION, ONE),
            "compression; `template.yaml` keeps logs for 30 days",
        ],
        ["response header bytes", str(model.RESPONSE_HEADER_BYTES), "headers that API Gateway adds"],
        [
            "traced requests",
            format_share(model.TRACED_SHARE, ONE),
            "the sampling rule in `template.yaml`; the functions follow the decision of the API",
        ],
        [
            "custom metrics",
            str(model.CUSTOM_METRICS),
            "placed, confirmed, rejected, canceled, outbox lag, conflicts",
        ],
        [
            "units per write in a transaction",
            str(model.TRANSACTION_UNITS),
            "DynamoDB: one to prepare and one to commit; one if canceled",
        ],
    ]
    return render_table(["input", "assumption", "source"], rows)


# ---- Data files ---------------------------------------------------------------


def list_services(orders: Any) -> str:
    """Lists the cost of every design by service."""
    designs = [(design.name, design.price_services()) for design in build_designs(orders["oneLine"])]
    services = dict.fromkeys(price.service for price in PRICES.values())
    rows = [
        [name, service, format_data(dollars.get(service, Decimal(0)))]
        for name, dollars in designs
        for service in services
    ]
    return render_csv(["design", "service", "dollars_per_million_orders"], rows)


def list_charges(orders: Any) -> str:
    """Lists every charge of an order with one line."""
    rows = [
        [PRICES[key].service, PRICES[key].unit, format_data(amount), format_data(dollars)]
        for key, amount, dollars in _sort_charges(orders)
    ]
    return render_csv(["service", "charge", "amount_per_order", "dollars_per_million_orders"], rows)


def list_steps(orders: Any) -> str:
    """Lists the measured counts and the assumed duration of every step."""
    rows = []
    for name in dict.fromkeys(name for lifecycle in LIFECYCLES.values() for name in lifecycle):
        for lines, text in ORDERS.items():
            step = model.build_step(orders[lines], name)
            calls = " + ".join(f"{count} {call}" for call, count in step.calls.items())
            amounts = (step.reads, step.writes, step.seconds * 1000)
            rows.append([name, step.trigger, calls, text, *map(format_data, amounts)])
    return render_csv(["step", "trigger", "calls", "order", "read_units", "write_units", "milliseconds_assumed"], rows)


def list_prices() -> str:
    """Lists every price with its source."""
    rows = [
        [price.service, price.unit, price.dollars, PER[price.per], price.as_of, f"https://aws.amazon.com/{price.page}/"]
        for price in PRICES.values()
    ]
    return render_csv(["service", "charge", "dollars", "per", "as_of", "page"], rows)


def _sort_charges(orders: Any) -> list[tuple[str, Decimal, Decimal]]:
    """Returns price key, amount and dollars of each charge, the largest first."""
    design = model.build_design(orders["oneLine"])
    usage, dollars = model.measure_usage(design.steps), design.price_charges()
    return [(key, usage[key], dollars[key]) for key in sorted(dollars, key=lambda key: -dollars[key])]


if __name__ == "__main__":
    sys.exit(publish(build_report(), sys.argv[1:]))
