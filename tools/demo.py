"""Places and cancels an order on the local stack and shows the stock after each step.

    python tools/demo.py

The demo uses the HTTP API only. It fails if a step does not have the expected result.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

STACK = Path(__file__).resolve().parent.parent / ".local" / "stack.json"
CUSTOMER = "001"
QUANTITIES = {"001": 2, "002": 1}
REQUEST_TIMEOUT_SECONDS = 10
STEP_TIMEOUT_SECONDS = 30
ROW = "  {:<9} {:<20} {:>8} {:>8} {:>8}"


T = TypeVar("T")


class DemoError(Exception):
    """A step without the expected result."""


def main() -> int:
    """Runs the demo on the local stack."""
    if not STACK.exists():
        sys.exit("demo: the local AWS is not running (start it with `make run`)")
    try:
        run_demo(Api(json.loads(STACK.read_text())["apiUrl"]))
    except DemoError as error:
        sys.exit(f"demo: {error}")
    return 0


class Api:
    """A client of the project's HTTP API."""

    def __init__(self, url: str) -> None:
        """Stores the base URL."""
        self._url = url

    def get(self, path: str) -> Any:
        """Sends a GET request and returns the JSON of the response."""
        return self._send("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Sends a POST request, with a JSON body if given, and returns the JSON of the response."""
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise DemoError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        except OSError as error:
            raise DemoError(f"{method} {path}: {error}") from error


def run_demo(api: Api) -> None:
    """Places an order, waits for its reservation, cancels it and waits for its release."""
    names = {product: api.get(f"/products/{product}")["name"] for product in QUANTITIES}
    before = _get_stock(api)
    reduced = {product: before[product] - quantity for product, quantity in QUANTITIES.items()}

    items = [{"productId": product, "quantity": quantity} for product, quantity in QUANTITIES.items()]
    order = api.post("/order", {"customerId": CUSTOMER, "items": items})
    path = f"/order/{order['orderId']}"
    print(f"Placed     order {order['orderId']}, total {order['totalAmount']}")

    _wait_until("Confirmed", lambda: api.get(path)["orderStatus"])
    during = _wait_until(reduced, lambda: _get_stock(api))
    print("Confirmed  the event OrderPlaced reserved the stock")

    status = api.post(f"{path}/cancel")["orderStatus"]
    if status != "Canceled":
        raise DemoError(f"the order should be Canceled, but is {status}")
    after = _wait_until(before, lambda: _get_stock(api))
    print("Canceled   the event OrderCanceled released the stock\n")

    print(ROW.format("product", "", "before", "ordered", "canceled"))
    for product, name in names.items():
        print(ROW.format(product, name, before[product], during[product], after[product]))


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
    sys.exit(main())
