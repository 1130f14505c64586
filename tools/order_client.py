"""A client that places an order."""

from dataclasses import dataclass

from api_client import ApiClient

CUSTOMER = "001"
# Probabilities that an order is placed twice, is canceled and has two lines.
REPEATED, CANCELED, TWO_LINES = 0.2, 0.3, 0.4


@dataclass(frozen=True)
class PlacedOrder:
    """An order as its client knows it."""

    order_id: str
    canceled: bool
    retries: int
    repeats: int


class OrderClient(ApiClient):
    """A client with one order to place."""

    def place_order(self) -> PlacedOrder:
        """Places the order, repeats the request at random and cancels the order at random."""
        items = [{"productId": product, "quantity": self._random.randint(1, 3)} for product in self._choose_products()]
        body = {"customerId": CUSTOMER, "items": items}
        order_id, repeated = self._create("/order", body, "orderId", REPEATED)
        canceled = False
        if self._random.random() < CANCELED:
            # The status 409 means that the order was rejected in the meantime.
            response = self._send_until_answered(f"/order/{order_id}/cancel", None, {200, 409})
            canceled = response.get("orderStatus") == "Canceled"
        return PlacedOrder(order_id, canceled, self._retries, int(repeated))

    def _choose_products(self) -> list[str]:
        return ["001", "002"] if self._random.random() < TWO_LINES else ["001"]
