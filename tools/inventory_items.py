"""Layout of the items that the tools write or read: stock, its ledger, and orders to ship.

The functions define the same layout in crates/dynamodb and crates/domain.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

# Number of partitions of the index OrdersToShip.
SHIP_SHARDS = 16
# Separates the parts of a key. An id never contains this character.
SEPARATOR = "#"
# Partition of the index InventoryLists that lists the stock items.
STOCK_LIST = "#stock"

Item = dict[str, Any]


def get_product(key: str) -> str:
    """Returns the product in the key of a stock item or a ledger entry."""
    return key.split(SEPARATOR, maxsplit=1)[0]


def create_ledger_entry(product: str, name: str, delta: int, note: str, time: str) -> Item:
    """Creates a counted adjustment in the ledger of a product."""
    return {
        "ProductId": {"S": f"{product}{SEPARATOR}{name}"},
        "ListedUnder": {"S": product},
        "ListedAs": {"S": f"{time}{SEPARATOR}{name}"},
        "Delta": {"N": str(delta)},
        "Reason": {"S": "counted"},
        "Note": {"S": note},
        "CreatedAt": {"S": time},
    }


def sum_ledger(items: Iterable[Item]) -> Counter[str]:
    """Returns the sum of the adjustments of each product. Other items are skipped."""
    totals: Counter[str] = Counter()
    for item in items:
        if "Delta" in item:
            totals[get_product(item["ProductId"]["S"])] += int(item["Delta"]["N"])
    return totals


def count_held_units(orders: Iterable[Item]) -> Counter[str]:
    """Returns the units of each product that orders hold."""
    held: Counter[str] = Counter()
    for order in orders:
        if "StockReserved" in order:
            for line in (line["M"] for line in order["Items"]["L"]):
                held[line["ProductId"]["S"]] += int(line["Quantity"]["N"])
    return held


def get_ship_shard(order_id: str) -> str:
    """Returns the partition of an order in the index OrdersToShip."""
    return str(sum(order_id.encode()) % SHIP_SHARDS)
