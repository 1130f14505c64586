"""Finds orders that have an event which was not published."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stream_range import read_changes

# A message has the arrival times of stream records in seconds. An order has the time of
# its change by the clock of the function.
CLOCK_TOLERANCE = timedelta(minutes=5)

# The events that no function of the stack applies. An order keeps such an event until its next change.
KEPT_EVENTS = {":confirmed": "OrderConfirmed", ":rejected": "OrderRejected"}
IS_KEPT = "#event.#type IN (:confirmed, :rejected)"


class OrderFinder:
    """The Orders table and its stream."""

    def __init__(self, dynamodb: Any, streams: Any, table: str) -> None:
        """Stores the clients and the name of the table."""
        self._dynamodb = dynamodb
        self._streams = streams
        self._table = table

    def find_in_range(self, stream_range: Mapping[str, str]) -> tuple[list[str], str]:
        """Returns the orders with an event in a range of the stream, and the place where they were found.

        If the stream does not contain the range, this scans the table.
        """
        changes = read_changes(self._streams, stream_range)
        if changes is not None:
            orders = (change["Keys"]["OrderId"]["S"] for change in changes if "Event" in change.get("NewImage", {}))
            return list(dict.fromkeys(orders)), "in the stream"
        # An order keeps an event that no function applies, so the scan includes only those of the range.
        first, last = (
            datetime.fromisoformat(stream_range[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last")
        )
        orders = self._scan(
            f"attribute_exists(#event) AND (NOT {IS_KEPT} OR UpdatedAt BETWEEN :first AND :last)",
            {
                **KEPT_EVENTS,
                ":first": format_time(first - CLOCK_TOLERANCE),
                ":last": format_time(last + CLOCK_TOLERANCE),
            },
            {"#event": "Event", "#type": "Type"},
        )
        return orders, "in the table"

    def find_older_than(self, time: str) -> list[str]:
        """Returns the orders whose event is older than a time and was not applied."""
        return self._scan(
            f"#event.#time < :before AND NOT {IS_KEPT}",
            {":before": time, **KEPT_EVENTS},
            {"#event": "Event", "#time": "Time", "#type": "Type"},
        )

    def _scan(self, condition: str, values: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression=condition,
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            ExpressionAttributeNames=dict(names),
            ProjectionExpression="OrderId",
            ConsistentRead=True,
        )
        return [item["OrderId"]["S"] for page in pages for item in page["Items"]]


def format_time(time: datetime) -> str:
    """Formats a time like the attributes of the table."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
