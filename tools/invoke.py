"""Proves every file in events/ on the built functions.

Each function runs behind Lambda's runtime interface emulator, with the
environment that the template gives it, on the template's tables and bus.
"""

import json
import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import rie
from emulator import ROOT, Emulator, EmulatorError, temporary_emulator
from samcli.yamlhelper import yaml_parse
from stack import BUILD, StackError, build
from state import State

EVENTS = ROOT / "events"
ORDER = "001"
TOTAL = Decimal("279.98")
HELLO, ORDERS, STOCK = "HelloWorldFunction", "OrderServiceFunction", "InventoryServiceFunction"


@dataclass(frozen=True)
class Case:
    """An event for a function, how it must be answered, and what must come of it."""

    function: str
    event: str
    answer: Any
    before: str = "Placed"
    after: str = "Placed"
    published: str | None = None


def rest(status: int, **body: Any) -> dict[str, Any]:
    """The answer to a REST request. Of its body, what is not named may be anything."""
    return {"statusCode": status, "body": body}


CASES = [
    Case(HELLO, "hello.json", rest(200, message="hello world")),
    Case(
        ORDERS,
        "api-list-products.json",
        rest(200, products=[{"productId": "001"}, {"productId": "002"}]),
    ),
    Case(ORDERS, "api-get-product.json", rest(200, productId="001", price=Decimal("79.99"))),
    Case(
        ORDERS,
        "api-get-order.json",
        rest(200, orderId=ORDER, orderStatus="Placed", totalAmount=TOTAL),
    ),
    Case(ORDERS, "api-list-customer-orders.json", rest(200, orders=[{"orderId": ORDER}])),
    Case(ORDERS, "api-post-order.json", rest(201, orderStatus="Placed", totalAmount=TOTAL)),
    Case(ORDERS, "api-cancel-order.json", rest(200, orderStatus="Canceled"), "Placed", "Canceled"),
    Case(ORDERS, "api-ship-order.json", rest(200, orderStatus="Shipped"), "Confirmed", "Shipped"),
    Case(ORDERS, "api-deliver-order.json", rest(200, orderStatus="Delivered"), "Shipped", "Delivered"),
    Case(ORDERS, "stream-order-placed.json", {"batchItemFailures": []}, published="OrderPlaced"),
    Case(
        ORDERS,
        "republish.json",
        {"orders": [{"orderId": ORDER, "outcome": "NothingToPublish"}]},
    ),
    Case(STOCK, "api-get-inventory.json", rest(200, productId="001", quantity=150)),
    Case(STOCK, "order-placed.json", None, "Placed", "Confirmed"),
    Case(STOCK, "order-shipped.json", None, "Confirmed", "Shipped"),
    Case(STOCK, "order-delivered.json", None, "Shipped", "Delivered"),
    Case(STOCK, "order-canceled.json", None, "Confirmed", "Canceled"),
    Case(STOCK, "queue-order-placed.json", {"batchItemFailures": []}, "Placed", "Confirmed"),
]


def main() -> int:
    """Runs every case; returns the exit code."""
    _check_completeness()
    try:
        build()
        with temporary_emulator("invoke") as emulator:
            failed = _run(emulator)
    except (EmulatorError, StackError) as error:
        sys.exit(f"invoke: {error}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return int(failed > 0)


def _run(emulator: Emulator) -> int:
    """Runs every case; returns how many failed."""
    template = yaml_parse((BUILD / "template.yaml").read_text())
    state = State(template, emulator.endpoint)
    with ExitStack() as until_the_end:
        functions = {
            name: until_the_end.enter_context(_start(name, template, state, emulator))
            for name in (HELLO, ORDERS, STOCK)
        }
        return sum(not _passes(case, functions[case.function], state) for case in CASES)


def _check_completeness() -> None:
    unknown = {file.name for file in EVENTS.iterdir()} ^ {case.event for case in CASES}
    if unknown:
        sys.exit(f"invoke: in events/ or among the cases, but not both: {', '.join(sorted(unknown))}")


def _start(
    name: str, template: dict[str, Any], state: State, emulator: Emulator
) -> AbstractContextManager[rie.Function]:
    properties = template["Resources"][name]["Properties"]
    return rie.running(
        program=BUILD / properties["CodeUri"] / "bootstrap",
        environment=emulator.credentials | state.variables(properties),
        timeout=properties["Timeout"],
        log=emulator.directory / f"{name}.log",
    )


def _passes(case: Case, function: rie.Function, state: State) -> bool:
    state.put_order(case.before)
    answer = function.invoke((EVENTS / case.event).read_bytes())
    faults = [
        *differences(case.answer, with_parsed_body(answer), "answer"),
        *differences(case.after, state.order_status(ORDER), f"status of order {ORDER}"),
        *(differences({"detail-type": case.published}, state.next_published(), "event") if case.published else []),
    ]
    print("FAIL" if faults else "ok  ", f"{case.function} < events/{case.event}", flush=True)
    for fault in faults:
        print(f"     {fault}", flush=True)
    return not faults


def with_parsed_body(answer: Any) -> Any:
    """An answer to a REST request with its body read."""
    if isinstance(answer, dict) and isinstance(answer.get("body"), str):
        return answer | {"body": json.loads(answer["body"], parse_float=Decimal)}
    return answer


def differences(expected: Any, actual: Any, where: str) -> list[str]:
    """Tells where something is not as expected; what is not named may be anything."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        pairs = [(value, actual.get(name), f"{where}.{name}") for name, value in expected.items()]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        both = zip(expected, actual, strict=True)
        pairs = [(*pair, f"{where}[{index}]") for index, pair in enumerate(both)]
    else:
        return [] if expected == actual else [f"{where} is {actual!r}, expected {expected!r}"]
    return [fault for pair in pairs for fault in differences(*pair)]


if __name__ == "__main__":
    sys.exit(main())
