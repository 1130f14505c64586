"""Kills processes of the functions at random while orders are placed, and checks the result.

python tools/kill_test.py [--orders N] [--seed N]

Clients place orders and adjust stock over HTTP with idempotency keys. They retry requests
without a response, repeat some requests and cancel some orders. Each order event arrives directly
and through OrderEventQueue. Meanwhile SIGKILL ends processes of the functions. Afterwards every
order must have a final status, every key must belong to one order or adjustment, the queue must be
empty, the stock must be exact, and `shop audit` must find nothing.
Unlike AWS, the local AWS does not retry an event whose function was killed, so
tools/redrive.py recovers such events, as an operator would.
"""

import argparse
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import redrive
from api_client import UnexpectedResponseError
from emulator import Emulator, EmulatorError, create_client, run_temporary_emulator
from function_killer import FunctionKiller
from inventory_items import SEPARATOR, Item, count_held_units, create_ledger_entry
from operator_program import count_findings
from order_client import OrderClient, PlacedOrder
from order_finder import has_outstanding_event
from queue_route import QueueRoute
from stack import StackError, build, deploy, load_seed_data, locate_stack_file
from stack_target import read_outputs, select_stack
from stock_client import Adjustment, StockClient

# The stock of product 002 is too low for all orders, so some orders are rejected.
STOCK = {"001": 100_000, "002": 20}
CONCURRENT_CLIENTS = 8
# For each adjustment of stock there are this many orders.
ORDERS_PER_ADJUSTMENT = 3
# Without further kills, an event that was not applied within this time is lost.
LOST_AFTER_SECONDS = 3
MAX_REDRIVES = 10
DECIDED_STATUSES = {"Confirmed", "Rejected"}

UUID_LENGTH = 36


def main(arguments: list[str]) -> int:
    """Runs the test once, prints the figures and returns 1 if a check fails."""
    parser = argparse.ArgumentParser(description="Kills processes of the functions while orders are placed.")
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args(arguments)
    try:
        build()
        with run_temporary_emulator("kill-test", enforces_policies=True) as emulator:
            stack = deploy(emulator)
            load_seed_data(emulator)
            print(f"==> {options.orders} orders, seed {options.seed}", flush=True)
            route = QueueRoute(
                lambda service: create_client(service, emulator.endpoint), stack["stackName"], stack["eventBusName"]
            )
            route.add()
            return _run_test(emulator, Tables(emulator, stack["tables"]), route, stack["apiUrl"], options)
    except (UnexpectedResponseError, EmulatorError, StackError) as error:
        sys.exit(f"kill-test: {error}")


def _run_test(
    emulator: Emulator, tables: "Tables", route: QueueRoute, api_url: str, options: argparse.Namespace
) -> int:
    """Places the orders while processes are killed, and returns 1 if a check fails."""
    for product, quantity in STOCK.items():
        tables.set_stock(product, quantity)
    seed_orders = tables.read_orders().keys()
    started = time.monotonic()
    killer = FunctionKiller(emulator, random.Random(options.seed))  # noqa: S311
    with killer:
        load = _run_clients(api_url, options)
    load_seconds = time.monotonic() - started
    republished = _recover_lost_events(emulator, tables)
    queued = route.wait_until_empty()
    orders = tables.read_orders()
    new_orders = [order for order_id, order in orders.items() if order_id not in seed_orders]
    statuses = Counter(_get_status(order) for order in new_orders)
    _print_figures(
        {
            "orders": len(new_orders),
            **{f"  {status.lower()}": count for status, count in sorted(statuses.items())},
            "adjustments of stock": len(load.adjustments),
            "processes killed": killer.kills,
            "requests retried without a response": sum(result.retries for result in load.results),
            "requests repeated after a response": sum(result.repeats for result in load.results),
            "lost events, republished": republished,
            "seconds of load": round(load_seconds),
            "seconds in total": round(time.monotonic() - started),
        }
    )
    violations = _count_order_violations(load.placed, orders, len(new_orders)) | _count_stock_violations(
        load.adjustments, orders, tables
    )
    violations["events left in the queue"] = queued
    violations["findings of the audit"] = count_findings(emulator, "--stuck", "0")
    _print_figures(violations)
    if not killer.kills:
        sys.exit("kill-test: no process was killed")
    return int(any(violations.values()))


@dataclass(frozen=True)
class Load:
    """The results of all clients."""

    placed: list[PlacedOrder]
    adjustments: list[Adjustment]

    @property
    def results(self) -> list[PlacedOrder | Adjustment]:
        """The results of both kinds of clients."""
        return [*self.placed, *self.adjustments]


def _run_clients(api_url: str, options: argparse.Namespace) -> Load:
    """Places the orders and adjusts stock in between."""
    orders, adjustments = [], []
    with ThreadPoolExecutor(CONCURRENT_CLIENTS) as workers:
        for number in range(options.orders):
            seed = options.seed + number
            orders.append(workers.submit(OrderClient(api_url, f"kill-{number}", seed).place_order))
            if number % ORDERS_PER_ADJUSTMENT == 0:
                adjustments.append(workers.submit(StockClient(api_url, f"adjust-{number}", seed).adjust_stock))
    return Load([order.result() for order in orders], [adjustment.result() for adjustment in adjustments])


class Tables:
    """The deployed tables."""

    def __init__(self, emulator: Emulator, names: dict[str, str]) -> None:
        """Stores the names of the tables."""
        self._dynamodb = create_client("dynamodb", emulator.endpoint)
        self._names = names

    def set_stock(self, product: str, quantity: int) -> None:
        """Sets the stock of a product that is in stock, and records the change in the ledger."""
        delta = quantity - self.read_stock()[product]
        created_at = "2025-01-02T00:00:00.000Z"
        entry = create_ledger_entry(product, "kill-test", delta, "Stock of the kill test", created_at)
        self._dynamodb.put_item(TableName=self._names["inventory"], Item=entry)
        self._dynamodb.update_item(
            TableName=self._names["inventory"],
            Key={"ProductId": {"S": product}},
            UpdateExpression="SET Quantity = :quantity ADD Revision :one",
            ExpressionAttributeValues={":quantity": {"N": str(quantity)}, ":one": {"N": "1"}},
        )

    def read_stock(self) -> dict[str, int]:
        """Reads the stock of each product."""
        # Entries of the ledger have no quantity.
        items = (item for item in self._scan("inventory") if "Quantity" in item)
        return {item["ProductId"]["S"]: int(item["Quantity"]["N"]) for item in items}

    def read_ledger(self) -> dict[str, int]:
        """Reads the delta of each entry of the ledger, by its key: product and adjustment id."""
        items = (item for item in self._scan("inventory") if "Delta" in item)
        return {item["ProductId"]["S"]: int(item["Delta"]["N"]) for item in items}

    def read_orders(self) -> dict[str, Item]:
        """Reads the item of each order, by id."""
        return {item["OrderId"]["S"]: item for item in self._scan("orders")}

    def _scan(self, table: str) -> list[Item]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._names[table], ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


def _recover_lost_events(emulator: Emulator, tables: Tables) -> int:
    """Redrives until no event is outstanding, and returns the number of republished events."""
    arguments = ["--local-stack", str(locate_stack_file(emulator)), "--stuck", str(LOST_AFTER_SECONDS)]
    options = redrive.parse_options(arguments)
    create_stack_client, stack = select_stack([], options.local_stack)
    operator = redrive.Redriver(create_stack_client, read_outputs(create_stack_client, stack), options)
    republished = 0
    for _ in range(MAX_REDRIVES):
        # Events in transit are applied during this time.
        time.sleep(LOST_AFTER_SECONDS)
        if not any(map(has_outstanding_event, tables.read_orders().values())):
            break
        republished += sum(bool(row.event) for row in operator.run())
    return republished


def _count_order_violations(placed: list[PlacedOrder], orders: dict[str, Item], new_orders: int) -> dict[str, int]:
    """Counts the violations of each invariant of orders."""
    ids = {order.order_id for order in placed}
    by_id = {order.order_id: order for order in placed if order.order_id in orders}
    without_final_status = [
        order_id
        for order_id, order in by_id.items()
        if _get_status(orders[order_id]) not in ({"Canceled"} if order.canceled else DECIDED_STATUSES)
    ]
    return {
        "orders lost": len(ids) - len(by_id),
        "orders without a unique key": abs(len(placed) - new_orders) + len(placed) - len(ids),
        "orders with a wrong or missing final status": len(without_final_status),
    }


def _count_stock_violations(adjustments: list[Adjustment], orders: dict[str, Item], tables: Tables) -> dict[str, int]:
    """Counts the violations of each invariant of stock and ledger."""
    stock, ledger = tables.read_stock(), tables.read_ledger()
    held = count_held_units(orders.values())
    added = Counter[str]()
    for adjustment in adjustments:
        added[adjustment.product] += adjustment.delta
    expected = {
        f"{adjustment.product}{SEPARATOR}{adjustment.adjustment_id}": adjustment.delta for adjustment in adjustments
    }
    # The entries of the seed data and of this test have short ids, and those of requests are UUIDs.
    recorded = {key: delta for key, delta in ledger.items() if len(key.split(SEPARATOR)[1]) == UUID_LENGTH}
    return {
        "adjustments without a unique key": len(adjustments) - len(expected),
        "adjustments lost, changed or surplus": len(expected.items() ^ recorded.items()),
        "units of stock missing or surplus": sum(
            abs(stock[product] + held[product] - STOCK[product] - added[product]) for product in STOCK
        ),
    }


def _get_status(order: Item) -> str:
    return str(order["OrderStatus"]["S"])


def _print_figures(figures: dict[str, int]) -> None:
    for name, value in figures.items():
        print(f"{name:<44}{value:>6}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
