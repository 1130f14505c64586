"""Loads seed-data into the tables of a stack. Existing items stay unchanged.

python tools/seed.py            the local stack (.local/stack.json)
python tools/seed.py STACK      a stack on AWS, with the credentials of the environment
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.exceptions
import emulator
from inventory_items import Item, get_product
from stack_target import read_outputs, select_stack

SEED_DATA = emulator.ROOT / "seed-data"
KEYS = {
    "CustomersTable": "CustomerId",
    "InventoryTable": "ProductId",
    "OrdersTable": "OrderId",
    "ProductsTable": "ProductId",
}


def main(arguments: list[str]) -> int:
    """Loads all items and prints the number of new ones."""
    try:
        create_client, stack = select_stack(arguments)
        added = load_items(create_client("dynamodb"), get_table_names(read_outputs(create_client, stack)))
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(f"seed: {error}")
    print(f"{stack}: {added} items added")
    return 0


def get_table_names(outputs: Mapping[str, str]) -> dict[str, str]:
    """Returns the names of the tables by logical id."""
    return {table: outputs[f"{table}Name"] for table in KEYS}


def load_items(dynamodb: Any, names: Mapping[str, str]) -> int:
    """Loads the seed data into tables named by logical id, and returns the number of new items."""
    return sum(_put_if_absent(dynamodb, names[table], KEYS[table], items) for table, items in _read_items())


def _read_items() -> Iterator[tuple[str, list[Item]]]:
    """Returns the items that belong together, with the logical id of their table.

    The stock of a product belongs to its opening entry in the ledger: without both, the
    ledger would not equal the stock.
    """
    for file in sorted(SEED_DATA.glob("*.json")):
        for table, requests in json.loads(file.read_text()).items():
            groups: dict[str, list[Item]] = {}
            for request in requests:
                item = request["PutRequest"]["Item"]
                groups.setdefault(get_product(item[KEYS[table]]["S"]), []).append(item)
            yield from ((table, items) for items in groups.values())


def _put_if_absent(dynamodb: Any, table: str, key: str, items: list[Item]) -> int:
    """Stores items together, unless one of them exists. Returns the number of new items."""
    condition = f"attribute_not_exists({key})"
    puts = [{"Put": {"TableName": table, "Item": item, "ConditionExpression": condition}} for item in items]
    try:
        dynamodb.transact_write_items(TransactItems=puts)
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = {reason["Code"] for reason in error.response["CancellationReasons"]}
        if codes <= {"None", "ConditionalCheckFailed"}:
            return 0
        raise
    return len(items)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
