"""Adds list keys and opening ledger entries to a stack from before these lists.

python tools/backfill.py            the local stack (.local/stack.json)
python tools/backfill.py STACK      a stack on AWS, with the credentials of the environment

A confirmed order gets the keys of the index OrdersToShip. A stock item gets the keys of the
index InventoryLists, and its product an opening entry in the ledger, so that the ledger
equals the units on hand and those that orders hold. The tool changes only what is missing,
so it is safe to run it twice, and while the shop is open.

Exits with 1 if a product kept changing. Run the tool again when fewer orders arrive.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.exceptions
from inventory_items import (
    SEPARATOR,
    STOCK_LIST,
    Item,
    count_held_units,
    create_ledger_entry,
    get_ship_shard,
    sum_ledger,
)
from stack_target import LOCAL_STACK, read_outputs, select_stack

# Largest change that an entry of the ledger can hold, in units.
MAX_DELTA = 1_000_000
# Attempts for products that change between the reads and the write.
MAX_ROUNDS = 5


@dataclass(frozen=True)
class StockItem:
    """The stock of a product as it was read."""

    product: str
    quantity: int
    # None if the item is older than the count of its changes.
    revision: int | None
    listed: bool


def main(arguments: list[str]) -> int:
    """Completes orders and stock, prints what was added and returns 1 if a product kept changing."""
    parser = argparse.ArgumentParser(description="Adds list keys and opening ledger entries to an older stack.")
    parser.add_argument("stack", nargs="*", metavar="STACK", help="a stack on AWS")
    parser.add_argument("--local-stack", type=Path, default=LOCAL_STACK, help="description of the local stack")
    options = parser.parse_args(arguments)
    try:
        create_client, stack = select_stack(options.stack, options.local_stack)
        outputs = read_outputs(create_client, stack)
        backfill = Backfill(create_client("dynamodb"), outputs["OrdersTableName"], outputs["InventoryTableName"])
        print(f"{stack}: {backfill.complete_orders()} confirmed orders added to the list of orders to ship")
        completed, changing = backfill.complete_stock()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(f"backfill: {error}")
    print(f"{stack}: stock of {completed} products completed")
    for product in changing:
        print(f"{stack}: product {product} kept changing, run the tool again")
    return int(bool(changing))


class Backfill:
    """The tables to complete."""

    def __init__(self, dynamodb: Any, orders: str, inventory: str) -> None:
        """Stores the names of the tables."""
        self._dynamodb = dynamodb
        self._orders = orders
        self._inventory = inventory

    def complete_orders(self) -> int:
        """Adds confirmed orders to the index of orders to ship, and returns their number."""
        orders = (order for order in self._scan(self._orders) if order["OrderStatus"]["S"] == "Confirmed")
        return sum(self._add_to_index(order) for order in orders if "FulfillmentShard" not in order)

    def complete_stock(self) -> tuple[int, list[str]]:
        """Returns the number of completed products, and the products that kept changing."""
        completed = 0
        for _ in range(MAX_ROUNDS):
            written = [(item.product, self._complete(item, missing)) for item, missing in self._find_incomplete()]
            completed += sum(is_written for _, is_written in written)
            if all(is_written for _, is_written in written):
                return completed, []
        return completed, [item.product for item, _ in self._find_incomplete()]

    def _find_incomplete(self) -> list[tuple[StockItem, int]]:
        """Returns the stock items to complete, with the units that are missing in the ledger.

        The stock items are read before ledger and orders. Every later change of a product
        changes the revision of its stock item, which makes the write fail.
        """
        stock = [_parse_stock(item) for item in self._scan(self._inventory) if "Quantity" in item]
        ledger = sum_ledger(self._scan(self._inventory))
        held = count_held_units(self._scan(self._orders))
        missing = [(item, item.quantity + held[item.product] - ledger[item.product]) for item in stock]
        return [(item, units) for item, units in missing if units or not item.listed]

    def _add_to_index(self, order: Item) -> bool:
        order_id = order["OrderId"]["S"]
        values = {
            ":shard": {"S": get_ship_shard(order_id)},
            ":position": {"S": f"{order['UpdatedAt']['S']}{SEPARATOR}{order_id}"},
            ":confirmed": {"S": "Confirmed"},
        }
        try:
            self._dynamodb.update_item(
                TableName=self._orders,
                Key={"OrderId": {"S": order_id}},
                UpdateExpression="SET FulfillmentShard = :shard, FulfillmentPosition = :position",
                ConditionExpression="OrderStatus = :confirmed AND attribute_not_exists(FulfillmentShard)",
                ExpressionAttributeValues=values,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _complete(self, item: StockItem, missing: int) -> bool:
        """Writes list keys and opening entries. Returns false if the product changed since it was read."""
        now = _format_time(datetime.now(UTC))
        parts = enumerate(_split(missing))
        entries = [self._opening_entry(item.product, f"opening-{number}-{now}", units, now) for number, units in parts]
        try:
            self._dynamodb.transact_write_items(TransactItems=[self._list_stock(item), *entries])
        except self._dynamodb.exceptions.TransactionCanceledException:
            return False
        return True

    def _list_stock(self, item: StockItem) -> Item:
        values = {
            ":list": {"S": STOCK_LIST},
            ":product": {"S": item.product},
            ":one": {"N": "1"},
            ":quantity": {"N": str(item.quantity)},
        }
        is_unchanged = "attribute_not_exists(Revision)"
        if item.revision is not None:
            is_unchanged = "Revision = :revision"
            values[":revision"] = {"N": str(item.revision)}
        return {
            "Update": {
                "TableName": self._inventory,
                "Key": {"ProductId": {"S": item.product}},
                "UpdateExpression": "SET ListedUnder = :list, ListedAs = :product ADD Revision :one",
                "ConditionExpression": f"Quantity = :quantity AND {is_unchanged}",
                "ExpressionAttributeValues": values,
            }
        }

    def _opening_entry(self, product: str, name: str, units: int, now: str) -> Item:
        # An id of an entry has no colon.
        entry = name.replace(":", "-")
        item = create_ledger_entry(product, entry, units, "Opening stock", now)
        return {
            "Put": {
                "TableName": self._inventory,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(ProductId)",
            }
        }

    def _scan(self, table: str) -> Iterator[Item]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


def _parse_stock(item: Item) -> StockItem:
    revision = int(item["Revision"]["N"]) if "Revision" in item else None
    return StockItem(item["ProductId"]["S"], int(item["Quantity"]["N"]), revision, "ListedUnder" in item)


def _split(units: int) -> Iterator[int]:
    """Splits units into parts that an entry of the ledger can hold."""
    while units:
        part = max(-MAX_DELTA, min(MAX_DELTA, units))
        yield part
        units -= part


def _format_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
