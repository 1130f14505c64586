"""Reads a range of a table's stream, as a message of RelayDeadLetterQueue names it."""

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.exceptions

# The range is not in the stream if this many responses in a row have no record.
MAX_EMPTY_RESPONSES = 20
# Errors for a range that the stream does not contain. A stream keeps records for 24 hours.
MISSING_RANGE_ERRORS = {
    "ExpiredIteratorException",
    "ResourceNotFoundException",
    "TrimmedDataAccessException",
    "ValidationException",
}


def read_changes(streams: Any, stream_range: Mapping[str, str]) -> list[Mapping[str, Any]] | None:
    """Returns the changes in a range of the stream, or None if the stream does not contain the range."""
    try:
        return list(_read_range(streams, stream_range))
    except LookupError:
        return None
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in MISSING_RANGE_ERRORS:
            raise
        return None


def _read_range(streams: Any, stream_range: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Yields the change of each record. Raises LookupError if the end of the range is missing."""
    last = int(stream_range["endSequenceNumber"])
    iterator = streams.get_shard_iterator(
        StreamArn=stream_range["streamArn"],
        ShardId=stream_range["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=stream_range["startSequenceNumber"],
    )["ShardIterator"]
    empty_responses = 0
    while iterator and empty_responses < MAX_EMPTY_RESPONSES:
        response = streams.get_records(ShardIterator=iterator)
        empty_responses = 0 if response["Records"] else empty_responses + 1
        for record in response["Records"]:
            change = record["dynamodb"]
            if int(change["SequenceNumber"]) > last:
                return
            yield change
            if int(change["SequenceNumber"]) == last:
                return
        iterator = response.get("NextShardIterator")
    raise LookupError(f"no record {last} in {stream_range['shardId']}")
