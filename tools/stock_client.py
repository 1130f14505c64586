"""A client that adjusts the stock of a product."""

from dataclasses import dataclass

from api_client import ApiClient

# The probability that an adjustment is sent again after its response.
REPEATED = 0.3
# The product with enough stock for every removal, and the one that runs out.
PLENTIFUL, SCARCE = "001", "002"


@dataclass(frozen=True)
class Adjustment:
    """An adjustment as its client knows it."""

    adjustment_id: str
    product: str
    delta: int
    retries: int
    repeats: int


class StockClient(ApiClient):
    """A client with one adjustment to make."""

    def adjust_stock(self) -> Adjustment:
        """Restocks the scarce product or removes units of the other one, and repeats the request at random."""
        units = self._random.randint(1, 3)
        product, delta, reason = self._random.choice([(SCARCE, units, "received"), (PLENTIFUL, -units, "damaged")])
        path = f"/inventory/{product}/adjustments"
        body = {"delta": delta, "reason": reason}
        adjustment_id, repeated = self._create(path, body, "adjustmentId", REPEATED)
        return Adjustment(adjustment_id, product, delta, self._retries, int(repeated))
