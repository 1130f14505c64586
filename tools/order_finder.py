"""Finds orders that have an event which was not published."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stream_range import read_changes

# A message has the arrival times of stream records in seconds. An order has the time of
# its change by the clock of the function.
CLOCK_TOLERANCE = timedelta(minutes=5)

# The attributes that hold the events of an order: the last one, and earlier ones that are not applied.
OUTBOX = ("Event", "EventBeforeShipped", "EventBeforeDelivered", "EventBeforeCanceled")
# The events that no function of the stack applies, so an order keeps them.
KEPT_EVENTS = {":confirmed": "OrderConfirmed", ":rejected": "OrderRejected"}
IS_OUTSTANDING = "attribute_exists({event}.#type) AND NOT {event}.#type IN (:confirmed, :rejected)"
# Read units per second that a scan of the table uses, so that orders are not throttled.
MAX_READ_UNITS_PER_SECOND = 500


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
        in_range = "({event}.#time BETWEEN :first AND :last)"
        orders = self._scan(
            f"({IS_OUTSTANDING}) OR {in_range}",
            {":first": format_time(first - CLOCK_TOLERANCE), ":last": format_time(last + CLOCK_TOLERANCE)},
        )
        return orders, "in the table"

    def find_older_than(self, before: str) -> list[str]:
        """Returns the orders that have an event which is older than a time and was not applied."""
        return self._scan(f"({IS_OUTSTANDING}) AND {{event}}.#time < :before", {":before": before})

    def _scan(self, condition: str, values: Mapping[str, str]) -> list[str]:
        """Returns the orders that hold an event which fulfills a condition."""
        names = {f"#event{number}": attribute for number, attribute in enumerate(OUTBOX)}
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression=" OR ".join(f"({condition.format(event=name)})" for name in names),
            ExpressionAttributeValues={name: {"S": value} for name, value in {**KEPT_EVENTS, **values}.items()},
            ExpressionAttributeNames={**names, "#type": "Type", "#time": "Time"},
            ProjectionExpression="OrderId",
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )
        orders = []
        for page in pages:
            orders += [item["OrderId"]["S"] for item in page["Items"]]
            units = page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
            time.sleep(units / MAX_READ_UNITS_PER_SECOND)
        return orders


def has_outstanding_event(order: Mapping[str, Any]) -> bool:
    """Returns true if an order, an item of the table, holds an event that a function must still apply."""
    events = (order[attribute]["M"] for attribute in OUTBOX if "M" in order.get(attribute, {}))
    return any(event["Type"]["S"] not in KEPT_EVENTS.values() for event in events)


def format_time(time: datetime) -> str:
    """Formats a time like the attributes of the table."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
