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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redrive
import seed
from emulator import Emulator, EmulatorError, client, temporary_emulator
from stack import StackError, build, deploy, load_seed_data, stack_file

CUSTOMER = "001"
# So little of the second that some orders must be rejected.
STOCK = {"001": 100_000, "002": 60}
# Parts of the orders that a client places twice, cancels, and has two lines.
REPEATED, CANCELED, TWO_LINES = 0.2, 0.3, 0.4
WORKERS = 8
KILL_EVERY_SECONDS = (0.05, 0.25)
ANSWER_SECONDS = 10
TRIES = 50
LONGEST_PAUSE_SECONDS = 0.5
# Once nobody is killed any more, an event is taken for lost after so long.
LOST_AFTER_SECONDS = 3
REDRIVES = 10
DECIDED = {"Confirmed", "Rejected"}
HOLDING = {"Confirmed", "Delivered", "Shipped"}


class BrokenPromiseError(Exception):
    """Something that must hold does not."""


@dataclass(frozen=True)
class Placed:
    """What a client knows of an order of its own."""

    order: str
    canceled: bool
    tried_again: int
    repeated: int


def main(arguments: list[str]) -> int:
    """Runs it once, and prints the figures."""
    parser = argparse.ArgumentParser(description="Kills processes of the functions while orders come in.")
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args(arguments)
    try:
        build()
        with temporary_emulator("kill-test", enforces_policies=True) as emulator:
            stack = deploy(emulator)
            load_seed_data(emulator)
            print(f"==> {options.orders} orders, seed {options.seed}", flush=True)
            return _run(emulator, Tables(emulator, stack["tables"]), stack["apiUrl"], options)
    except (BrokenPromiseError, EmulatorError, StackError) as error:
        sys.exit(f"kill-test: {error}")


def _run(emulator: Emulator, tables: "Tables", api: str, options: argparse.Namespace) -> int:
    """Returns 1 if something does not hold that must."""
    for product, quantity in STOCK.items():
        tables.set_stock(product, quantity)
    seeded = tables.orders().keys()
    began = time.monotonic()
    killer = Killer(emulator, random.Random(options.seed))  # noqa: S311
    clients = [Client(api, f"kill-{number}", options.seed + number) for number in range(options.orders)]
    with killer, ThreadPoolExecutor(WORKERS) as workers:
        placed = list(workers.map(Client.shop, clients))
    loaded = time.monotonic() - began
    republished = _recover(emulator, tables)
    orders = tables.orders()
    ours = [order for name, order in orders.items() if name not in seeded]
    _print(
        {
            "orders": len(ours),
            **{f"  {name.lower()}": count for name, count in sorted(Counter(map(_status, ours)).items())},
            "processes killed": killer.kills,
            "requests tried again for lack of an answer": sum(one.tried_again for one in placed),
            "requests repeated though answered": sum(one.repeated for one in placed),
            "events lost, and published again": republished,
            "seconds of load": round(loaded),
            "seconds in all": round(time.monotonic() - began),
        }
    )
    faults = _faults(placed, orders, len(ours), tables.stock())
    _print(faults)
    if not killer.kills:
        raise BrokenPromiseError("nothing was killed")
    return int(any(faults.values()))


class Killer(threading.Thread):
    """Kills one process of a function after the other, as long as the context lasts."""

    def __init__(self, emulator: Emulator, chance: random.Random) -> None:
        """Names the emulator whose children the functions are."""
        super().__init__(daemon=True)
        self._emulator = emulator
        self._chance = chance
        self._over = threading.Event()
        self.kills = 0

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
                self.kills += 1
        except ProcessLookupError:
            return
        finally:
            os.close(process)


class Client:
    """A client that does not give up, with one order to place."""

    def __init__(self, api: str, key: str, seed_of_chance: int) -> None:
        """Names the API and the idempotency key."""
        self._api = api
        self._key = key
        self._chance = random.Random(seed_of_chance)  # noqa: S311
        self._tried_again = 0

    def shop(self) -> Placed:
        """Places the order, perhaps twice, and perhaps cancels it."""
        items = [{"productId": product, "quantity": self._chance.randint(1, 3)} for product in self._products()]
        body = {"customerId": CUSTOMER, "items": items}
        order = self._until_answered("/order", body, {201})["orderId"]
        repeated = self._chance.random() < REPEATED
        if repeated:
            again = self._until_answered("/order", body, {201})["orderId"]
            if again != order:
                raise BrokenPromiseError(f"key {self._key} led to the orders {order} and {again}")
        canceled = False
        if self._chance.random() < CANCELED:
            # 409: it was rejected meanwhile.
            answer = self._until_answered(f"/order/{order}/cancel", None, {200, 409})
            canceled = answer.get("orderStatus") == "Canceled"
        return Placed(order, canceled, self._tried_again, int(repeated))

    def _products(self) -> list[str]:
        return ["001", "002"] if self._chance.random() < TWO_LINES else ["001"]

    def _until_answered(self, path: str, body: Any, wanted: set[int]) -> dict[str, Any]:
        """The answer to a request, which is sent until there is one."""
        answer = None
        for tried in range(TRIES):
            if tried:
                self._tried_again += 1
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


def _recover(emulator: Emulator, tables: Tables) -> int:
    """Redrives until no order waits for an event any more; how many events were published again."""
    options = redrive.options(["--local-stack", str(stack_file(emulator)), "--stuck", str(LOST_AFTER_SECONDS)])
    make, stack = seed.target([], options.local_stack)
    operator = redrive.Redrive(make, seed.outputs(make("cloudformation"), stack), options)
    republished = 0
    for _ in range(REDRIVES):
        # What is under way arrives by itself.
        time.sleep(LOST_AFTER_SECONDS)
        if not any(map(_waits, tables.orders().values())):
            break
        republished += sum(bool(row.event) for row in operator.run())
    return republished


def _waits(order: dict[str, Any]) -> bool:
    """Whether an order's event has not been applied; nothing here applies OrderRejected."""
    return "Event" in order and _status(order) != "Rejected"


def _faults(
    placed: list[Placed], orders: dict[str, dict[str, Any]], stored: int, stock: dict[str, int]
) -> dict[str, int]:
    """How much there is of what must not be, whoever was killed whenever."""
    known = {one.order: one for one in placed if one.order in orders}
    decided = [_status(orders[name]) in ({"Canceled"} if known[name].canceled else DECIDED) for name in known]
    reserved = [_reserved(order) == (_status(order) in HOLDING) for order in map(orders.__getitem__, known)]
    held = {product: sum(_holds(order, product) for order in orders.values()) for product in STOCK}
    return {
        "orders lost": len({one.order for one in placed}) - len(known),
        "orders without a key of their own": abs(len(placed) - stored)
        + len(placed)
        - len({one.order for one in placed}),
        "orders undecided, or not as answered": decided.count(False),
        "outboxes not empty": sum(map(_waits, orders.values())),
        "reservations that do not fit the status": reserved.count(False),
        "pieces of stock missing or too many": sum(abs(stock[one] + held[one] - STOCK[one]) for one in STOCK),
    }


def _status(order: dict[str, Any]) -> str:
    return str(order["OrderStatus"]["S"])


def _reserved(order: dict[str, Any]) -> bool:
    return bool(order.get("StockReserved", {}).get("BOOL", False))


def _holds(order: dict[str, Any], product: str) -> int:
    """How many pieces of a product are set aside for an order."""
    lines = [line["M"] for line in order["Items"]["L"]] if _reserved(order) else []
    return sum(int(line["Quantity"]["N"]) for line in lines if line["ProductId"]["S"] == product)


def _print(figures: dict[str, int]) -> None:
    for name, value in figures.items():
        print(f"{name:<44}{value:>6}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
