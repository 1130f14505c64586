"""A client of the API that retries until it gets a response."""

import json
import random
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

CUSTOMER = "001"
# Probabilities that an order is placed twice, is canceled and has two lines.
REPEATED, CANCELED, TWO_LINES = 0.2, 0.3, 0.4
RESPONSE_TIMEOUT_SECONDS = 10
MAX_ATTEMPTS = 50
MAX_PAUSE_SECONDS = 0.5


class UnexpectedResponseError(Exception):
    """A response that the API must not send, or no response after all attempts."""


@dataclass(frozen=True)
class PlacedOrder:
    """An order as its client knows it."""

    order_id: str
    canceled: bool
    retries: int
    repeats: int


class OrderClient:
    """A client with one order to place."""

    def __init__(self, api_url: str, key: str, seed: int) -> None:
        """Stores the URL of the API and the idempotency key."""
        self._api_url = api_url
        self._key = key
        self._random = random.Random(seed)  # noqa: S311
        self._retries = 0

    def place_order(self) -> PlacedOrder:
        """Places the order, repeats the request at random and cancels the order at random."""
        items = [{"productId": product, "quantity": self._random.randint(1, 3)} for product in self._choose_products()]
        body = {"customerId": CUSTOMER, "items": items}
        order_id = self._send_until_answered("/order", body, {201})["orderId"]
        repeated = self._random.random() < REPEATED
        if repeated:
            repeated_id = self._send_until_answered("/order", body, {201})["orderId"]
            if repeated_id != order_id:
                raise UnexpectedResponseError(f"key {self._key} created the orders {order_id} and {repeated_id}")
        canceled = False
        if self._random.random() < CANCELED:
            # The status 409 means that the order was rejected in the meantime.
            response = self._send_until_answered(f"/order/{order_id}/cancel", None, {200, 409})
            canceled = response.get("orderStatus") == "Canceled"
        return PlacedOrder(order_id, canceled, self._retries, int(repeated))

    def _choose_products(self) -> list[str]:
        return ["001", "002"] if self._random.random() < TWO_LINES else ["001"]

    def _send_until_answered(self, path: str, body: Any, expected: set[int]) -> dict[str, Any]:
        """Sends a request until the response has an expected status, and returns the response."""
        response = None
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                self._retries += 1
                time.sleep(self._random.uniform(0, MAX_PAUSE_SECONDS))
            status, response = self._send(path, body)
            if status in expected:
                return dict(response)
            if status is not None and status < 500:
                break
        raise UnexpectedResponseError(f"{path} with key {self._key}: unexpected response {response}")

    def _send(self, path: str, body: Any) -> tuple[int | None, Any]:
        """Sends a request and returns the status and body of the response. Without a response, the status is None."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": self._key}
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api_url + path, data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT_SECONDS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            # A body that is not JSON comes from the emulator and not from a function.
            return error.code, json.loads(text) if text.startswith("{") else text
        except (OSError, ValueError) as error:
            return None, str(error)
