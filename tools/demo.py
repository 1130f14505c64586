"""Places an order on the local stack, cancels it, and shows what becomes of the stock.

    python tools/demo.py

Everything is asked for over HTTP. A step that does not hold ends it with an error.
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
ORDERED = {"001": 2, "002": 1}
TIMEOUT_SECONDS = 10
PATIENCE_SECONDS = 30
ROW = "  {:<9} {:<20} {:>8} {:>8} {:>8}"


T = TypeVar("T")


class StepError(Exception):
    """A step that does not hold."""


def main() -> int:
    """Shows the life of an order, in four steps."""
    if not STACK.exists():
        sys.exit("demo: nothing runs here (make run)")
    try:
        demonstrate(Api(json.loads(STACK.read_text())["apiUrl"]))
    except StepError as error:
        sys.exit(f"demo: {error}")
    return 0


class Api:
    """The project's API."""

    def __init__(self, url: str) -> None:
        """Names the address that its paths begin with."""
        self._url = url

    def get(self, path: str) -> Any:
        """What there is at a path."""
        return self._call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """The answer to a request with a JSON body, or with none."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise StepError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        except OSError as error:
            raise StepError(f"{method} {path}: {error}") from error


def demonstrate(api: Api) -> None:
    """Places and cancels an order, and follows both to the end."""
    names = {product: api.get(f"/products/{product}")["name"] for product in ORDERED}
    before = _stock(api)
    less = {product: before[product] - quantity for product, quantity in ORDERED.items()}

    items = [{"productId": product, "quantity": quantity} for product, quantity in ORDERED.items()]
    order = api.post("/order", {"customerId": CUSTOMER, "items": items})
    path = f"/order/{order['orderId']}"
    print(f"Placed    order {order['orderId']} for {order['totalAmount']}")

    _wait_until("Confirmed", lambda: api.get(path)["orderStatus"])
    during = _wait_until(less, lambda: _stock(api))
    print("Confirmed by the event OrderPlaced, which reserved its stock")

    canceled = api.post(f"{path}/cancel")["orderStatus"]
    if canceled != "Canceled":
        raise StepError(f"the order was canceled, and is {canceled}")
    after = _wait_until(before, lambda: _stock(api))
    print("Canceled  and its stock given back by the event OrderCanceled\n")

    print(ROW.format("product", "", "before", "ordered", "canceled"))
    for product, name in names.items():
        print(ROW.format(product, name, before[product], during[product], after[product]))


def _stock(api: Api) -> dict[str, int]:
    return {product: api.get(f"/inventory/{product}")["quantity"] for product in ORDERED}


def _wait_until(wanted: T, look: Callable[[], T]) -> T:
    """Looks until there is what is wanted, which it returns."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seen := look()) != wanted:
        if time.monotonic() > deadline:
            raise StepError(f"after {PATIENCE_SECONDS} s there is {seen}, not {wanted}")
        time.sleep(0.2)
    return seen


if __name__ == "__main__":
    sys.exit(main())
