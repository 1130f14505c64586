"""A fake AWS for the tests of tools/redrive.py, and the messages that they send to its queues."""

import io
import json
import unittest
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions
import dead_letter
import redrive
from stack_target import ALIAS

EVENTS, RANGES = "events", "ranges"
ORDER_EVENTS, UNDELIVERED = "order-events", "undelivered"
OUTPUTS = {
    "DeadLetterQueueUrl": EVENTS,
    "OrderEventDeadLetterQueueUrl": ORDER_EVENTS,
    "UndeliveredEventQueueUrl": UNDELIVERED,
    "RelayDeadLetterQueueUrl": RANGES,
    "EventBusName": "bus",
    "OrdersTableName": "orders",
    "InventoryTableName": "inventory",
    "OrderServiceFunctionName": "order-service",
    "InventoryServiceFunctionName": "inventory-service",
}
STREAM_RANGE = {
    "shardId": "shard",
    "startSequenceNumber": "10",
    "endSequenceNumber": "12",
    "streamArn": "arn:aws:dynamodb:r:1:table/orders/stream/2025-01-01T00:00:00.000",
    "approximateArrivalOfFirstRecord": "2025-01-01T10:00:00Z",
    "approximateArrivalOfLastRecord": "2025-01-01T10:30:00Z",
}
STOCK_STREAM = {"streamArn": "arn:aws:dynamodb:r:1:table/inventory/stream/2025-01-01T00:00:00.000"}


class FakeAws:
    """The AWS services that redrive.py uses, in memory."""

    def __init__(self) -> None:
        """Creates empty queues and services that succeed."""
        self.queues: dict[str, list[dict[str, Any]]] = {
            queue: [] for queue in (EVENTS, ORDER_EVENTS, UNDELIVERED, RANGES)
        }
        self.hidden: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self.rejects_events = False
        self.fails_invocations = False
        self.republished: list[list[str]] = []
        self.republished_products: list[list[str]] = []
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.records: list[dict[str, Any]] | None = []
        self.scans: list[dict[str, Any]] = []
        self.scanned_orders: list[str] = []
        self.scanned_units = 0.0
        self.scanned_products: list[str] = []
        self.events_fail_again = False

    def create_client(self, _service: str) -> "FakeAws":
        return self

    def send(self, queue: str, body: Any, sent: float = 0, attributes: dict[str, str] | None = None) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        number = f"{queue}-{len(self.queues[queue])}-{len(self.events)}"
        self.queues[queue].append(
            {
                "MessageId": number,
                "ReceiptHandle": number,
                "Body": text,
                "Attributes": {"SentTimestamp": str(int(sent))},
                "MessageAttributes": {name: {"StringValue": value} for name, value in (attributes or {}).items()},
            }
        )

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:
        visible = [message for message in self.queues[QueueUrl] if message["ReceiptHandle"] not in self.hidden]
        batch = visible[:MaxNumberOfMessages]
        self.hidden |= {message["ReceiptHandle"] for message in batch}
        return {"Messages": batch} if batch else {}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:
        queue = self.queues[QueueUrl]
        self.queues[QueueUrl] = [message for message in queue if message["ReceiptHandle"] != ReceiptHandle]

    def change_message_visibility(self, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:
        assert VisibilityTimeout == 0
        self.hidden.discard(ReceiptHandle)

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.rejects_events:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
        self.events += Entries
        if self.events_fail_again:
            self.send(EVENTS, build_unhandled("OrderLost"), sent=datetime.now(UTC).timestamp() * 1000 + 60_000)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    def invoke(self, FunctionName: str, Qualifier: str, Payload: str) -> dict[str, Any]:
        assert Qualifier == ALIAS
        if self.fails_invocations:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorType":"Busy"}')}
        request = json.loads(Payload)["republish"]
        match FunctionName:
            case "order-service":
                report = {"orders": self._report(request.pop("orderIds"), "orderId", self.republished)}
            case "inventory-service":
                report = {"products": self._report(request.pop("productIds"), "productId", self.republished_products)}
            case _:
                raise AssertionError(FunctionName)
        assert not request
        return {"Payload": io.BytesIO(json.dumps(report).encode())}

    def _report(self, ids: list[str], field: str, republished: list[list[str]]) -> list[dict[str, Any]]:
        republished.append(ids)
        return [{field: each} | self.outcomes.get(each, {"outcome": "Published"}) for each in ids]

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        if self.records is None:
            error = {"Error": {"Code": "TrimmedDataAccessException", "Message": "gone"}}
            raise botocore.exceptions.ClientError(error, "GetShardIterator")
        if not request["ShardId"]:
            raise botocore.exceptions.ParamValidationError(report="too short")
        assert request["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        return {"ShardIterator": request["SequenceNumber"]}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:
        first = int(ShardIterator)
        records = [record for record in self.records or [] if int(record["dynamodb"]["SequenceNumber"]) >= first]
        return {"Records": records[:2], "NextShardIterator": str(first + 2)}

    def get_paginator(self, operation: str) -> "FakeAws":
        assert operation == "scan"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.scans.append(request)
        if request["TableName"] == "inventory":
            return [{"Items": [{"ProductId": {"S": product}} for product in self.scanned_products]}]
        items = [{"OrderId": {"S": order}} for order in self.scanned_orders]
        return [{"Items": items, "ConsumedCapacity": {"CapacityUnits": self.scanned_units}}]


def build_event(kind: str = "OrderShipped", source: str = "ecommerce.order", detail: str = '{"orderId":"1"}') -> str:
    return (
        f'{{"version":"0","id":"e","detail-type":"{kind}","source":"{source}","account":"1",'
        f'"time":"2025-01-01T00:00:00Z","region":"r","resources":["a"], "detail": {detail} }}'
    )


def build_failure(error_type: str, payload: str | None = None) -> str:
    response = json.dumps({"errorType": error_type, "errorMessage": "why"})
    context = json.dumps({"condition": "RetriesExhausted"})
    return f'{{"requestContext":{context},"requestPayload":{payload or build_event()},"responsePayload":{response}}}'


def build_unhandled(kind: str, detail: str = '{"orderId":"1"}') -> str:
    return build_failure("UnhandledDetailType", build_event(kind, detail=detail))


def build_unpublishable_report(order: str | None) -> str:
    detail = {"sequenceNumber": "1", "errorType": "BadItem", "reason": "no"} | ({"orderId": order} if order else {})
    return build_unhandled(dead_letter.UNPUBLISHABLE, json.dumps(detail))


def build_record(number: int, order: str, *, with_event: bool = True) -> dict[str, Any]:
    image = {"Event": {"M": {}}} if with_event else {}
    keys = {"OrderId": {"S": order}}
    return {"dynamodb": {"SequenceNumber": str(number), "Keys": keys, "NewImage": image}}


def build_stock_record(number: int, key: str, *, with_revision: bool = True) -> dict[str, Any]:
    image = {"Revision": {"N": "7"}} if with_revision else {}
    return {"dynamodb": {"SequenceNumber": str(number), "Keys": {"ProductId": {"S": key}}, "NewImage": image}}


def build_stock_report(product: str | None) -> str:
    detail = {"sequenceNumber": "1", "errorType": "BadItem", "reason": "no"} | (
        {"productId": product} if product else {}
    )
    event = build_event(dead_letter.STOCK_UNPUBLISHABLE, dead_letter.INVENTORY_SOURCE, json.dumps(detail))
    return build_failure("UnhandledDetailType", event)


def build_range_message(**changes: str) -> dict[str, Any]:
    context = {"condition": "RetryAttemptsExhausted"}
    return {"requestContext": context, "DDBStreamBatchInfo": STREAM_RANGE | changes}


class RedriveTestCase(unittest.TestCase):
    """A test of the results for the messages of a fake AWS."""

    def setUp(self) -> None:
        """Creates a fake AWS for each test."""
        self.aws = FakeAws()

    def redrive(self, *arguments: str) -> list[redrive.Row]:
        options = redrive.parse_options(list(arguments))
        return list(redrive.Redriver(self.aws.create_client, OUTPUTS, options).run())

    def count_messages(self, queue: str = EVENTS) -> int:
        """Checks that all messages of a queue are visible and returns their number."""
        messages = self.aws.queues[queue]
        self.assertFalse({message["ReceiptHandle"] for message in messages} & self.aws.hidden)
        return len(messages)
