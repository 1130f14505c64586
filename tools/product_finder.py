"""Finds products whose stock events were not published."""

from collections.abc import Mapping
from typing import Any

from stream_range import read_changes


class ProductFinder:
    """The Inventory table and its stream."""

    def __init__(self, dynamodb: Any, streams: Any, table: str) -> None:
        """Stores the clients and the name of the table."""
        self._dynamodb = dynamodb
        self._streams = streams
        self._table = table

    def owns(self, stream_range: Mapping[str, str]) -> bool:
        """Returns true if a range belongs to the stream of the Inventory table."""
        return f":table/{self._table}/stream/" in stream_range["streamArn"]

    def find_in_range(self, stream_range: Mapping[str, str]) -> tuple[list[str], str]:
        """Returns the products in a range of the stream, and the place where they were found.

        If the stream does not contain the range, this returns every product with stock. Publishing
        the stock of a product that did not change is harmless.
        """
        changes = read_changes(self._streams, stream_range)
        if changes is not None:
            # Items of the stock ledger have no revision.
            products = (c["Keys"]["ProductId"]["S"] for c in changes if "Revision" in c.get("NewImage", {}))
            return list(dict.fromkeys(products)), "in the stream"
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="attribute_exists(Revision)",
            ProjectionExpression="ProductId",
            ConsistentRead=True,
        )
        return [item["ProductId"]["S"] for page in pages for item in page["Items"]], "in the table"
