"""Finds orders that have an event which was not published."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.exceptions

# The range is not in the stream if this many responses in a row have no record.
MAX_EMPTY_RESPONSES = 20
# A message has the arrival times of stream records in seconds. An order has the time of
# its change by the clock of the function.
CLOCK_TOLERANCE = timedelta(minutes=5)
# Errors for a range that the stream does not contain. A stream keeps records for 24 hours.
MISSING_RANGE_ERRORS = {
    "ExpiredIteratorException",
    "ResourceNotFoundException",
    "TrimmedDataAccessException",
    "ValidationException",
}


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
        try:
            return list(dict.fromkeys(self._read_range(stream_range))), "in the stream"
        except LookupError:
            pass
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in MISSING_RANGE_ERRORS:
                raise
        # A rejected order keeps its event, so the scan includes only those of the range.
        first, last = (
            datetime.fromisoformat(stream_range[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last")
        )
        orders = self._scan(
            "attribute_exists(#event) AND (OrderStatus <> :rejected OR UpdatedAt BETWEEN :first AND :last)",
            {
                ":rejected": "Rejected",
                ":first": format_time(first - CLOCK_TOLERANCE),
                ":last": format_time(last + CLOCK_TOLERANCE),
            },
            {"#event": "Event"},
        )
        return orders, "in the table"

    def find_older_than(self, time: str) -> list[str]:
        """Returns the orders whose event is older than a time and was not applied."""
        return self._scan(
            "#event.#time < :before AND OrderStatus <> :rejected",
            {":before": time, ":rejected": "Rejected"},
            {"#event": "Event", "#time": "Time"},
        )

    def _read_range(self, stream_range: Mapping[str, str]) -> Iterator[str]:
        """Yields the order of each record with an event. Raises LookupError if the end of the range is missing."""
        last = int(stream_range["endSequenceNumber"])
        iterator = self._streams.get_shard_iterator(
            StreamArn=stream_range["streamArn"],
            ShardId=stream_range["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=stream_range["startSequenceNumber"],
        )["ShardIterator"]
        empty_responses = 0
        while iterator and empty_responses < MAX_EMPTY_RESPONSES:
            response = self._streams.get_records(ShardIterator=iterator)
            empty_responses = 0 if response["Records"] else empty_responses + 1
            for record in response["Records"]:
                change = record["dynamodb"]
                if int(change["SequenceNumber"]) > last:
                    return
                if "Event" in change.get("NewImage", {}):
                    yield change["Keys"]["OrderId"]["S"]
                if int(change["SequenceNumber"]) == last:
                    return
            iterator = response.get("NextShardIterator")
        raise LookupError(f"no record {last} in {stream_range['shardId']}")

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
