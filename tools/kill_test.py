"""Kills processes of the functions at random while orders come in, and counts what became of them.

python tools/kill_test.py [--orders N] [--seed N]

Orders are placed over HTTP with idempotency keys, tried again when there is no answer,
repeated, and some of them canceled. All the while the processes of the functions are
killed with SIGKILL, which no program can see coming. Then every order must be decided,
every key must have led to one order, every outbox be empty and no piece of stock be
missing. The local AWS does not hand over again an event whose function was killed, as
AWS does, so such events are recovered as an operator would: by tools/redrive.py.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redrive
import seed
from emulator import Emulator, EmulatorError, client, temporary_emulator
from stack import StackError, build, deploy, load_seed_data, stack_file

CUSTOMER = "001"
# So little of the second that some orders must be rejected.
STOCK = {"001": 100_000, "002": 60}
WORKERS = 8
KILL_EVERY_SECONDS = (0.05, 0.25)
ANSWER_SECONDS = 10
TRIES = 50
LONGEST_PAUSE_SECONDS = 0.5
# Once nobody is killed any more, an event is taken for lost after so long.
LOST_AFTER_SECONDS = 3
REDRIVES = 10
HOLDING = {"Confirmed", "Delivered", "Shipped"}


class BrokenPromiseError(Exception):
    """Something that must hold does not."""


@dataclass
class Figures:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    tried_again: int = 0
    repeated: int = 0
    republished: int = 0


@dataclass(frozen=True)
class Placed:
    """What a client knows of an order of its own."""

    order: str
    canceled: bool


def main(arguments: list[str]) -> int:
    """Runs it once, and prints the figures."""
    parser = argparse.ArgumentParser(description="Kills processes of the functions while orders come in.")
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args(arguments)
    try:
        build()
        with temporary_emulator("kill-test", enforces_policies=True) as emulator:
            stack = deploy(emulator)
            load_seed_data(emulator)
            print(f"==> {options.orders} orders, seed {options.seed}", flush=True)
            _run(emulator, Tables(emulator, stack["tables"]), stack["apiUrl"], options)
    except (BrokenPromiseError, EmulatorError, StackError) as error:
        sys.exit(f"kill-test: {error}")
    return 0


def _run(emulator: Emulator, tables: "Tables", api: str, options: argparse.Namespace) -> None:
    figures = Figures()
    for product, quantity in STOCK.items():
        tables.set_stock(product, quantity)
    seeded = len(tables.orders())
    began = time.monotonic()
    with Killer(emulator, random.Random(options.seed), figures), ThreadPoolExecutor(WORKERS) as workers:  # noqa: S311
        clients = [Client(api, f"kill-{number}", options.seed + number, figures) for number in range(options.orders)]
        placed = list(workers.map(Client.shop, clients))
    loaded = time.monotonic() - began
    _recover(emulator, tables, figures)
    orders = tables.orders()
    _check(orders, placed, seeded, tables.stock())
    _print(orders, figures, loaded, time.monotonic() - began)


class Killer(threading.Thread):
    """Kills one process of a function after the other, as long as the context lasts."""

    def __init__(self, emulator: Emulator, chance: random.Random, figures: Figures) -> None:
        """Names the emulator whose children the functions are."""
        super().__init__(daemon=True)
        self._emulator = emulator
        self._chance = chance
        self._figures = figures
        self._over = threading.Event()

    def __enter__(self) -> "Killer":
        """Starts killing."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Kills, and waits, and kills."""
        while not self._over.wait(self._chance.uniform(*KILL_EVERY_SECONDS)):
            victims = list(self._functions())
            if victims:
                self._kill(self._chance.choice(victims))

    def _functions(self) -> Iterator[int]:
        """The processes that the emulator has started of programs that it has unpacked."""
        parent = self._emulator.pid()
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and self._is_function(process, parent):
                yield int(process.name)

    def _is_function(self, process: Path, parent: int | None) -> bool:
        try:
            program = (process / "exe").readlink()
            # The name, which may hold anything, stands in parentheses before the parent.
            status = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return int(status[1]) == parent and program.is_relative_to(self._emulator.directory / "tmp")

    def _kill(self, pid: int) -> None:
        """Kills a process, and never another one that has come to have its number."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if self._is_function(Path(f"/proc/{pid}"), self._emulator.pid()):
                signal.pidfd_send_signal(process, signal.SIGKILL)
                self._figures.kills[Path(f"/proc/{pid}/exe").parent.name] += 1
        except ProcessLookupError:
            return
        finally:
            os.close(process)


class Client:
    """A client that does not give up, with one order to place."""

    def __init__(self, api: str, key: str, seed_of_chance: int, figures: Figures) -> None:
        """Names the API and the idempotency key."""
        self._api = api
        self._key = key
        self._chance = random.Random(seed_of_chance)  # noqa: S311
        self._figures = figures

    def shop(self) -> Placed:
        """Places the order, perhaps twice, and perhaps cancels it."""
        items = [{"productId": product, "quantity": self._chance.randint(1, 3)} for product in self._products()]
        body = {"customerId": CUSTOMER, "items": items}
        order = self._until_answered("/order", body, {201})["orderId"]
        if self._chance.random() < 0.2:
            self._figures.repeated += 1
            again = self._until_answered("/order", body, {201})["orderId"]
            if again != order:
                raise BrokenPromiseError(f"key {self._key} led to the orders {order} and {again}")
        if self._chance.random() < 0.3:
            # 409: it was rejected meanwhile.
            answer = self._until_answered(f"/order/{order}/cancel", None, {200, 409})
            return Placed(order, answer.get("orderStatus") == "Canceled")
        return Placed(order, canceled=False)

    def _products(self) -> list[str]:
        return ["001", "002"] if self._chance.random() < 0.4 else ["001"]

    def _until_answered(self, path: str, body: Any, wanted: set[int]) -> dict[str, Any]:
        """The answer to a request, which is sent until there is one."""
        answer = None
        for tried in range(TRIES):
            if tried:
                self._figures.tried_again += 1
                time.sleep(self._chance.uniform(0, LONGEST_PAUSE_SECONDS))
            status, answer = self._send(path, body)
            if status in wanted:
                return dict(answer)
            if status is not None and status < 500:
                break
        raise BrokenPromiseError(f"{path} for key {self._key} was not answered as it should be: {answer}")

    def _send(self, path: str, body: Any) -> tuple[int | None, Any]:
        """Status and body of an answer, or no status if there was none."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": self._key}
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api + path, data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            # What is not JSON was not said by a function of ours.
            return error.code, json.loads(text) if text.startswith("{") else text
        except (OSError, ValueError) as error:
            return None, str(error)


class Tables:
    """What is stored."""

    def __init__(self, emulator: Emulator, names: dict[str, str]) -> None:
        """Names the tables."""
        self._dynamodb = client("dynamodb", emulator.endpoint)
        self._names = names

    def set_stock(self, product: str, quantity: int) -> None:
        """Sets how much there is of a product."""
        item = {"ProductId": {"S": product}, "Quantity": {"N": str(quantity)}}
        self._dynamodb.put_item(TableName=self._names["inventory"], Item=item)

    def stock(self) -> dict[str, int]:
        """How much there is of each product."""
        return {item["ProductId"]["S"]: int(item["Quantity"]["N"]) for item in self._scan("inventory")}

    def orders(self) -> dict[str, dict[str, Any]]:
        """Every order's item, by id."""
        return {item["OrderId"]["S"]: item for item in self._scan("orders")}

    def _scan(self, table: str) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._names[table], ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


def _recover(emulator: Emulator, tables: Tables, figures: Figures) -> None:
    """Redrives until no order waits for an event any more."""
    arguments = ["--local-stack", str(stack_file(emulator)), "--stuck", str(LOST_AFTER_SECONDS)]
    options = redrive.options(arguments)
    make, stack = seed.target([], options.local_stack)
    operator = redrive.Redrive(make, seed.outputs(make("cloudformation"), stack), options)
    for _ in range(REDRIVES):
        # What is under way arrives by itself.
        time.sleep(LOST_AFTER_SECONDS)
        if not any(_waits(order) for order in tables.orders().values()):
            return
        figures.republished += sum(bool(row.event) for row in operator.run())
    waiting = [name for name, order in tables.orders().items() if _waits(order)]
    raise BrokenPromiseError(f"after {REDRIVES} redrives, orders still wait for their event: {waiting}")


def _waits(order: dict[str, Any]) -> bool:
    """Whether an order's event has not been applied; nothing here applies OrderRejected."""
    return "Event" in order and order["OrderStatus"]["S"] != "Rejected"


def _check(orders: dict[str, dict[str, Any]], placed: list[Placed], seeded: int, stock: dict[str, int]) -> None:
    """What must hold whoever was killed whenever."""
    ours = {one.order for one in placed}
    _require(len(ours) == len(placed), "two keys led to one order")
    _require(len(orders) == len(placed) + seeded, f"{len(placed)} keys led to {len(orders) - seeded} orders")
    for one in placed:
        order = orders[one.order]
        status = order["OrderStatus"]["S"]
        decided = {"Canceled"} if one.canceled else {"Confirmed", "Rejected"}
        _require(status in decided, f"order {one.order} is {status}, not {' or '.join(sorted(decided))}")
        holds = order.get("StockReserved", {}).get("BOOL", False)
        _require(holds == (status in HOLDING), f"order {one.order} is {status} and StockReserved is {holds}")
    for product, initial in STOCK.items():
        held = sum(_holds(order, product) for order in orders.values())
        _require(
            stock[product] + held == initial,
            f"of {initial} pieces of {product}, {stock[product]} are on hand and {held} in orders",
        )


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenPromiseError(otherwise)


def _holds(order: dict[str, Any], product: str) -> int:
    if not order.get("StockReserved", {}).get("BOOL", False):
        return 0
    lines = [line["M"] for line in order["Items"]["L"]]
    return sum(int(line["Quantity"]["N"]) for line in lines if line["ProductId"]["S"] == product)


def _print(orders: dict[str, dict[str, Any]], figures: Figures, loaded: float, total: float) -> None:
    statuses = Counter(order["OrderStatus"]["S"] for order in orders.values() if "RequestHash" in order)
    rows = {
        "orders": statuses.total(),
        "processes killed": figures.kills.total(),
        "requests tried again by clients": figures.tried_again,
        "requests repeated though answered": figures.repeated,
        "events lost and published again": figures.republished,
        **{status.lower(): count for status, count in sorted(statuses.items())},
        "orders undecided, doubled or lost": 0,
        "pieces of stock missing": 0,
    }
    for name, value in rows.items():
        print(f"{name:<36}{value:>7}")
    print(f"{'seconds of load, and in all':<36}{loaded:>7.0f} {total:.0f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
