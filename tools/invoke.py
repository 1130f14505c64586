"""Sends every file in events/ to its built function and checks the result.

Each function runs on Lambda's runtime interface emulator, with its environment of the
template and with the template's tables and event bus.
"""

import json
import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import rie
from emulator import ROOT, Emulator, EmulatorError, run_temporary_emulator
from samcli.yamlhelper import yaml_parse
from stack import BUILD, StackError, build
from state import State

EVENTS = ROOT / "events"
ORDER_ID = "001"
TOTAL = Decimal("279.98")
HELLO, ORDERS, INVENTORY = "HelloWorldFunction", "OrderServiceFunction", "InventoryServiceFunction"


@dataclass(frozen=True)
class Case:
    """An event for a function, with the expected response and effects."""

    function: str
    event: str
    response: Any
    status_before: str = "Placed"
    status_after: str = "Placed"
    published: tuple[str, ...] = ()


def expect_http(status: int, **body: Any) -> dict[str, Any]:
    """Returns the expected response to an HTTP request. Its body may have other members."""
    return {"statusCode": status, "body": body}


EXPECTED_DELETION = {"statusCode": 204, "body": None}

CASES = [
    Case(HELLO, "hello.json", expect_http(200, message="hello world")),
    Case(
        ORDERS,
        "api-list-products.json",
        expect_http(200, products=[{"productId": "001"}, {"productId": "002"}]),
    ),
    Case(ORDERS, "api-get-product.json", expect_http(200, productId="001", price=Decimal("79.99"))),
    Case(
        ORDERS,
        "api-get-order.json",
        expect_http(200, orderId=ORDER_ID, orderStatus="Placed", totalAmount=TOTAL),
    ),
    Case(ORDERS, "api-list-customer-orders.json", expect_http(200, orders=[{"orderId": ORDER_ID}])),
    Case(ORDERS, "api-post-order.json", expect_http(201, orderStatus="Placed", totalAmount=TOTAL)),
    Case(ORDERS, "api-cancel-order.json", expect_http(200, orderStatus="Canceled"), "Placed", "Canceled"),
    Case(ORDERS, "api-ship-order.json", expect_http(200, orderStatus="Shipped"), "Confirmed", "Shipped"),
    Case(
        ORDERS,
        "api-ship-order-with-carrier.json",
        expect_http(200, orderStatus="Shipped", carrier="DHL", trackingNumber="JD014600003RU"),
        "Confirmed",
        "Shipped",
    ),
    Case(ORDERS, "api-list-orders-to-ship.json", expect_http(200, orders=[])),
    Case(ORDERS, "api-deliver-order.json", expect_http(200, orderStatus="Delivered"), "Shipped", "Delivered"),
    Case(ORDERS, "api-get-customer.json", expect_http(200, customerId="001", name="Alice Johnson")),
    # The deletions come first: each expects the version of the seed data.
    Case(ORDERS, "api-delete-customer.json", EXPECTED_DELETION),
    Case(ORDERS, "api-put-customer.json", expect_http(201, name="Alice Johnson-Smith")),
    Case(ORDERS, "api-delete-product.json", EXPECTED_DELETION),
    Case(ORDERS, "api-put-product.json", expect_http(201, productId="001", price=Decimal("69.99"))),
    Case(ORDERS, "stream-order-placed.json", {"batchItemFailures": []}, published=("OrderPlaced",)),
    Case(
        ORDERS,
        "republish.json",
        {"orders": [{"orderId": ORDER_ID, "outcome": "NothingToPublish"}]},
    ),
    Case(INVENTORY, "api-get-inventory.json", expect_http(200, productId="001", quantity=150)),
    Case(
        INVENTORY,
        "api-list-inventory.json",
        expect_http(200, inventory=[{"productId": "001", "quantity": 150}, {"productId": "002", "quantity": 200}]),
    ),
    Case(INVENTORY, "api-patch-inventory.json", expect_http(200, productId="001", reorderPoint=20)),
    Case(INVENTORY, "api-list-adjustments.json", expect_http(200, adjustments=[{"adjustmentId": "opening-001"}])),
    Case(INVENTORY, "api-get-adjustment.json", expect_http(200, delta=150, note="Opening stock")),
    Case(INVENTORY, "api-post-adjustment.json", expect_http(201, productId="001", delta=-2, reason="damaged")),
    Case(INVENTORY, "stock-received.json", None),
    Case(INVENTORY, "order-placed.json", None, "Placed", "Confirmed"),
    Case(INVENTORY, "order-shipped.json", None, "Confirmed", "Shipped"),
    Case(INVENTORY, "order-delivered.json", None, "Shipped", "Delivered"),
    Case(INVENTORY, "order-canceled.json", None, "Confirmed", "Canceled"),
    Case(INVENTORY, "stream-inventory.json", {"batchItemFailures": []}, published=("StockLow", "InventoryUpdated")),
    Case(
        INVENTORY,
        "republish-stock.json",
        {"products": [{"productId": "001", "outcome": "Published"}]},
        published=("InventoryUpdated",),
    ),
    Case(INVENTORY, "queue-order-placed.json", {"batchItemFailures": []}, "Placed", "Confirmed"),
]


def main() -> int:
    """Runs all cases and returns the exit code."""
    _check_completeness()
    try:
        build()
        with run_temporary_emulator("invoke") as emulator:
            failed = _run_cases(emulator)
    except (EmulatorError, StackError) as error:
        sys.exit(f"invoke: {error}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return int(failed > 0)


def _run_cases(emulator: Emulator) -> int:
    """Runs all cases and returns the number of failures."""
    template = yaml_parse((BUILD / "template.yaml").read_text())
    state = State(template, emulator.endpoint)
    with ExitStack() as contexts:
        functions = {
            name: contexts.enter_context(_start_function(name, template, state, emulator))
            for name in (HELLO, ORDERS, INVENTORY)
        }
        return sum(not _run_case(case, functions[case.function], state) for case in CASES)


def _check_completeness() -> None:
    unmatched = {file.name for file in EVENTS.iterdir()} ^ {case.event for case in CASES}
    if unmatched:
        sys.exit(f"invoke: every file in events/ needs a case and vice versa: {', '.join(sorted(unmatched))}")


def _start_function(
    name: str, template: dict[str, Any], state: State, emulator: Emulator
) -> AbstractContextManager[rie.Function]:
    properties = template["Resources"][name]["Properties"]
    return rie.run_function(
        program=BUILD / properties["CodeUri"] / "bootstrap",
        environment=emulator.credentials | state.resolve_environment(properties),
        timeout=properties["Timeout"],
        log=emulator.directory / f"{name}.log",
    )


def _run_case(case: Case, function: rie.Function, state: State) -> bool:
    """Runs a case, prints the result and returns true if it passed."""
    state.put_order(case.status_before)
    response = function.invoke((EVENTS / case.event).read_bytes())
    differences = [
        *find_differences(case.response, parse_body(response), "response"),
        *find_differences(case.status_after, state.get_order_status(ORDER_ID), f"status of order {ORDER_ID}"),
    ]
    events = [state.receive_published() for _ in case.published]
    published = sorted(event["detail-type"] for event in events if event)
    differences += find_differences(sorted(case.published), published, "published events")
    print("FAIL" if differences else "ok  ", f"{case.function} < events/{case.event}", flush=True)
    for difference in differences:
        print(f"     {difference}", flush=True)
    return not differences


def parse_body(response: Any) -> Any:
    """Replaces the JSON text in the body of an HTTP response by its value, or by None if it is empty."""
    if isinstance(response, dict) and isinstance(text := response.get("body"), str):
        return response | {"body": json.loads(text, parse_float=Decimal) if text else None}
    return response


def find_differences(expected: Any, actual: Any, where: str) -> list[str]:
    """Describes the differences between two values. Additional members are allowed."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        pairs = [(value, actual.get(name), f"{where}.{name}") for name, value in expected.items()]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        elements = zip(expected, actual, strict=True)
        pairs = [(*pair, f"{where}[{index}]") for index, pair in enumerate(elements)]
    else:
        return [] if expected == actual else [f"{where} is {actual!r}, expected {expected!r}"]
    return [difference for pair in pairs for difference in find_differences(*pair)]


if __name__ == "__main__":
    sys.exit(main())
