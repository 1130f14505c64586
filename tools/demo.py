"""Restocks a product, places, ships and cancels orders and shows the stock after each step.

    python tools/demo.py            the local stack (.local/stack.json)
    python tools/demo.py STACK      a stack on AWS, with the credentials of the environment

The demo uses the HTTP API only. It fails if a step does not have the expected result, so it is also the
smoke test of a deployment. A closed API gets a user for the time of the demo. The stack must have the
products of the seed data.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import botocore.exceptions
from demo_access import ADMIN, CUSTOMER, FULFILLMENT, Headers, open_access
from stack_target import LOCAL_STACK, read_outputs, select_stack

QUANTITIES = {"001": 2, "002": 1}
RESTOCKED = "001"
RESTOCKED_UNITS = 10
REQUEST_TIMEOUT_SECONDS = 10
STEP_TIMEOUT_SECONDS = 30
ROW = "  {:<9} {:<20} {:>9} {:>9} {:>9} {:>9} {:>9}"


T = TypeVar("T")


class DemoError(Exception):
    """A step without the expected result."""


def main(arguments: list[str]) -> int:
    """Runs the demo on a stack."""
    parser = argparse.ArgumentParser(description="Places, ships and cancels orders on a stack.")
    parser.add_argument("stack", nargs="*", metavar="STACK", help="a stack on AWS (default: the local stack)")
    parser.add_argument("--local-stack", type=Path, default=LOCAL_STACK, metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    customer = f"demo-{uuid.uuid4()}"
    try:
        create_client, stack = select_stack(options.stack, options.local_stack)
        outputs = read_outputs(create_client, stack)
        api_url, sign_in_url = outputs["ApiUrl"], outputs.get("SignInUrl", "")
        if not options.stack:
            local = json.loads(options.local_stack.read_text())
            api_url, sign_in_url = local["apiUrl"], local["awsEndpointUrl"]
        with open_access(create_client, outputs, f"{sign_in_url}/oauth2/token", customer) as headers:
            run_demo(Api(api_url, headers), customer)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, DemoError, OSError) as error:
        sys.exit(f"demo: {error}")
    return 0


class Api:
    """A client of the project's HTTP API."""

    def __init__(self, url: str, headers: Headers) -> None:
        """Stores the base URL and the headers of the callers."""
        self._url = url
        self._headers = headers

    def get(self, path: str, caller: str = CUSTOMER) -> Any:
        """Sends a GET request and returns the JSON of the response."""
        return self._send("GET", path, caller)

    def put(self, path: str, body: Any, caller: str = CUSTOMER) -> Any:
        """Sends a PUT request with a JSON body and returns the JSON of the response."""
        return self._send("PUT", path, caller, body)

    def post(self, path: str, body: Any = None, caller: str = CUSTOMER) -> Any:
        """Sends a POST request, with a JSON body if given, and returns the JSON of the response."""
        return self._send("POST", path, caller, body)

    def _send(self, method: str, path: str, caller: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers(caller) | {"Idempotency-Key": str(uuid.uuid4())}
        if data:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise DemoError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        except OSError as error:
            raise DemoError(f"{method} {path}: {error}") from error


def run_demo(api: Api, customer: str) -> None:
    """Restocks a product, ships an order and cancels another one."""
    names = {product: api.get(f"/products/{product}")["name"] for product in QUANTITIES}
    api.put(f"/customers/{customer}", {"email": "demo@example.com", "name": "Demo Customer"})
    steps = [_get_stock(api)]

    adjustment = {"delta": RESTOCKED_UNITS, "reason": "received", "note": "Demo delivery"}
    api.post(f"/inventory/{RESTOCKED}/adjustments", adjustment, ADMIN)
    steps.append(_wait_for_stock(api, _add(steps[-1], {RESTOCKED: RESTOCKED_UNITS})))
    print(f"Restocked  {RESTOCKED_UNITS} units of product {RESTOCKED}")

    shipped = _place_and_confirm(api, customer)
    steps.append(_wait_for_stock(api, _add(steps[-1], QUANTITIES, -1)))
    _wait_until(True, lambda: _is_listed(api, shipped))
    shipment = {"carrier": "DHL", "trackingNumber": "JD014600003RU"}
    order = api.post(f"/order/{shipped}/ship", shipment, FULFILLMENT)
    print(f"{order['orderStatus']:<10} with tracking number {order['trackingNumber']}")

    canceled = _place_and_confirm(api, customer)
    steps.append(_wait_for_stock(api, _add(steps[-1], QUANTITIES, -1)))
    status = api.post(f"/order/{canceled}/cancel")["orderStatus"]
    if status != "Canceled":
        raise DemoError(f"the order should be Canceled, but is {status}")
    steps.append(_wait_for_stock(api, _add(steps[-1], QUANTITIES)))
    print("Canceled   the event OrderCanceled released the stock\n")

    print(ROW.format("product", "", "before", "restocked", "shipped", "ordered", "canceled"))
    for product, name in names.items():
        print(ROW.format(product, name, *(stock[product] for stock in steps)))


def _place_and_confirm(api: Api, customer: str) -> str:
    """Places an order, waits until its stock is reserved, and returns its id."""
    items = [{"productId": product, "quantity": quantity} for product, quantity in QUANTITIES.items()]
    order = api.post("/order", {"customerId": customer, "items": items})
    order_id = str(order["orderId"])
    print(f"Placed     order {order_id}, total {order['totalAmount']}")
    _wait_until("Confirmed", lambda: api.get(f"/order/{order_id}")["orderStatus"])
    print("Confirmed  the event OrderPlaced reserved the stock")
    return order_id


def _is_listed(api: Api, order_id: str) -> bool:
    """Returns true if an order is on the list of orders to ship."""
    path = "/orders?status=Confirmed&limit=100"
    token = ""
    while True:
        page = api.get(f"{path}&nextToken={token}" if token else path, FULFILLMENT)
        if any(order["orderId"] == order_id for order in page["orders"]):
            return True
        token = page.get("nextToken", "")
        if not token:
            return False


def _add(stock: dict[str, int], quantities: dict[str, int], sign: int = 1) -> dict[str, int]:
    return {product: units + sign * quantities.get(product, 0) for product, units in stock.items()}


def _wait_for_stock(api: Api, expected: dict[str, int]) -> dict[str, int]:
    return _wait_until(expected, lambda: _get_stock(api))


def _get_stock(api: Api) -> dict[str, int]:
    return {product: api.get(f"/inventory/{product}")["quantity"] for product in QUANTITIES}


def _wait_until(expected: T, read: Callable[[], T]) -> T:
    """Reads a value until it is the expected one, and returns it."""
    deadline = time.monotonic() + STEP_TIMEOUT_SECONDS
    while (actual := read()) != expected:
        if time.monotonic() > deadline:
            raise DemoError(f"expected {expected} within {STEP_TIMEOUT_SECONDS} s, but got {actual}")
        time.sleep(0.2)
    return actual


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
