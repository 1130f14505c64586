"""Loads seed-data into the tables of a stack. An item that is there already is left alone.

python tools/seed.py            into the local stack (.local/stack.json)
python tools/seed.py STACK      into a stack on AWS, as the credentials of the environment allow
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import emulator

SEED_DATA = emulator.ROOT / "seed-data"
LOCAL_STACK = emulator.ROOT / ".local" / "stack.json"
KEYS = {
    "CustomersTable": "CustomerId",
    "InventoryTable": "ProductId",
    "OrdersTable": "OrderId",
    "ProductsTable": "ProductId",
}


def main(arguments: list[str]) -> int:
    """Loads everything, and says how much was not there yet."""
    try:
        client, stack = target(arguments)
        added = load(client("dynamodb"), table_names(outputs(client("cloudformation"), stack)))
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(f"seed: {error}")
    print(f"{stack}: {added} items added")
    return 0


def target(arguments: list[str], local_stack: Path = LOCAL_STACK) -> tuple[Callable[[str], Any], str]:
    """How to make clients of the AWS that is meant, and the name of the stack there.

    Without arguments it is the stack that a file describes, or else one on AWS by name.
    """
    program = Path(sys.argv[0]).stem
    match arguments:
        case []:
            if not local_stack.exists():
                sys.exit(f"{program}: nothing runs here (make run), or name a stack on AWS (make {program} STACK=name)")
            stack = json.loads(local_stack.read_text())
            return lambda service: emulator.client(service, stack["awsEndpointUrl"]), stack["stackName"]
        case [name]:
            return boto3.client, name
        case _:
            sys.exit(f"usage: {program}.py [STACK]")


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """What the template puts out, of a stack that is deployed."""
    [description] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}


def table_names(outputs: Mapping[str, str]) -> dict[str, str]:
    """The names of the tables by their logical ids."""
    return {table: outputs[f"{table}Name"] for table in KEYS}


def load(dynamodb: Any, names: Mapping[str, str]) -> int:
    """Loads every file into tables named by their logical ids; how many items were added."""
    return sum(_put_if_absent(dynamodb, names[table], KEYS[table], item) for table, item in _items())


def _items() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(SEED_DATA.glob("*.json")):
        for table, requests in json.loads(file.read_text()).items():
            for request in requests:
                yield table, request["PutRequest"]["Item"]


def _put_if_absent(dynamodb: Any, table: str, key: str, item: dict[str, Any]) -> bool:
    try:
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression=f"attribute_not_exists({key})")
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
