"""Tests of tools/redrive.py with a fake AWS: python -m unittest."""

import io
import json
import unittest
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import botocore.exceptions
import dead_letter
import redrive
import republish

EVENTS, RANGES = "events", "ranges"
OUTPUTS = {
    "DeadLetterQueueUrl": EVENTS,
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
        self.queues: dict[str, list[dict[str, Any]]] = {EVENTS: [], RANGES: []}
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

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:
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
        return [{"Items": [{"OrderId": {"S": order}} for order in self.scanned_orders]}]


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


class RedriveTest(unittest.TestCase):
    """Tests of the result for each kind of message."""

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

    def test_puts_an_unchanged_event_back_and_deletes_its_message(self) -> None:
        detail = '{"orderId":"1","totalAmount":79.990, "note":"a \\"b\\" }"}'
        self.aws.send(EVENTS, build_failure("Busy", build_event("OrderPlaced", detail=detail)))
        [row] = self.redrive()
        self.assertEqual(
            (row.event, row.subject, row.reason, row.result), ("OrderPlaced", "1", "Busy: why", "put back")
        )
        self.assertEqual(
            self.aws.events,
            [
                {
                    "EventBusName": "bus",
                    "Source": "ecommerce.order",
                    "DetailType": "OrderPlaced",
                    "Detail": detail,
                    "Resources": ["a"],
                    "Time": datetime(2025, 1, 1, tzinfo=UTC),
                }
            ],
        )
        self.assertEqual(self.count_messages(), 0)

    def test_puts_back_an_event_that_eventbridge_could_not_deliver(self) -> None:
        self.aws.send(EVENTS, build_event(), attributes={"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "why"})
        [row] = self.redrive()
        self.assertEqual((row.reason, row.result, self.count_messages()), ("NO_PERMISSIONS: why", "put back", 0))

    def test_puts_back_a_delivery_to_the_warehouse(self) -> None:
        detail = '{"receiptId":"r","productId":"001","quantity":5,"reason":"received"}'
        event = build_event("StockReceived", "ecommerce.warehouse", detail)
        self.aws.send(EVENTS, build_failure("Busy", event))
        [row] = self.redrive()
        self.assertEqual((row.event, row.subject, row.result), ("StockReceived", "001", "put back"))
        self.assertEqual((self.aws.events[0]["Source"], self.count_messages()), ("ecommerce.warehouse", 0))

    def test_puts_back_an_event_without_a_response(self) -> None:
        body = f'{{"requestContext":{{"condition":"EventAgeExceeded"}},"requestPayload":{build_event()}}}'
        self.aws.send(EVENTS, body)
        [row] = self.redrive()
        self.assertEqual((row.reason, row.result), ("EventAgeExceeded", "put back"))

    def test_keeps_a_message_until_its_event_is_accepted(self) -> None:
        self.aws.send(EVENTS, build_failure("Busy"))
        self.aws.rejects_events = True
        [row] = self.redrive()
        self.assertEqual(
            (row.result, row.failed, self.count_messages()), ("left: not accepted (InternalFailure)", True, 1)
        )
        with patch.object(FakeAws, "put_events", side_effect=KeyError("cut off")), self.assertRaises(KeyError):
            self.redrive()
        self.assertEqual(self.count_messages(), 1)
        self.aws.rejects_events = False
        self.redrive()
        self.assertEqual((len(self.aws.events), self.count_messages()), (1, 0))

    def test_puts_back_permanent_failures_only_with_the_option_all(self) -> None:
        kinds = ["MalformedEvent", "UnknownVersion", "IllegalTransition", "UnhandledDetailType", "UnsupportedTrigger"]
        for kind in kinds:
            self.aws.send(EVENTS, build_failure(kind))
        self.aws.send(EVENTS, build_failure("TooEarly"))
        rows = self.redrive()
        self.assertEqual([row.result.startswith("left: would come back") for row in rows], [True] * 5 + [False])
        self.assertFalse(any(row.failed for row in rows))
        self.assertEqual((len(self.aws.events), self.count_messages()), (1, 5))
        self.redrive("--all")
        self.assertEqual((len(self.aws.events), self.count_messages()), (6, 0))

    def test_skips_messages_that_arrive_during_the_run(self) -> None:
        self.aws.events_fail_again = True
        for _ in range(12):
            self.aws.send(EVENTS, build_unhandled("OrderLost"))
        rows = self.redrive("--all")
        self.assertEqual((len(rows), len(self.aws.events), self.count_messages()), (12, 12, 12))

    def test_a_dry_run_changes_nothing(self) -> None:
        self.aws.send(EVENTS, build_failure("Busy"))
        self.aws.send(EVENTS, build_unpublishable_report("1"))
        self.aws.send(RANGES, build_range_message())
        self.aws.records = [build_record(10, "a")]
        self.aws.scanned_orders = ["b"]
        rows = self.redrive("--dry", "--stuck", "60")
        self.assertEqual([row.result.split()[0] for row in rows], ["would"] * 4)
        self.assertEqual((self.aws.events, self.aws.republished), ([], []))
        self.assertEqual((self.count_messages(), self.count_messages(RANGES)), (2, 1))

    def test_leaves_messages_without_an_event_of_this_system(self) -> None:
        other_source = build_failure("MalformedEvent", build_event(source="example.other"))
        invalid_time = build_failure("Busy", build_event().replace("2025-01-01T", "sometime "))
        not_an_event = [build_failure("Busy", payload) for payload in ('{"a":1}', "null")]
        bodies = ["no JSON", "7", "{}", invalid_time, *not_an_event, other_source]
        for body in bodies:
            self.aws.send(EVENTS, body)
        rows = self.redrive("--all")
        self.assertTrue(all(row.result.startswith("left: ") for row in rows), rows)
        self.assertEqual((self.aws.events, self.count_messages()), ([], len(bodies)))

    def test_settles_a_report_by_republishing_its_order(self) -> None:
        self.aws.outcomes = {
            "bad": {"outcome": "Unpublishable", "errorType": "BadItem", "reason": "no"},
            "gone": {"outcome": "UnknownOrder"},
            "done": {"outcome": "NothingToPublish"},
        }
        for order in ["repaired", "bad", "gone", "done", None]:
            self.aws.send(EVENTS, build_unpublishable_report(order))
        rows = self.redrive("--all")
        self.assertEqual({row.reason for row in rows}, {"BadItem: no"})
        settled = [row.subject for row in rows if not row.result.startswith("left: ")]
        self.assertEqual((settled, self.count_messages()), (["repaired", "done"], 3))
        self.assertEqual(self.aws.events, [])

    def test_republishes_the_orders_of_a_stream_range(self) -> None:
        self.aws.records = [
            build_record(9, "before"),
            build_record(10, "a"),
            build_record(11, "b", with_event=False),
            build_record(12, "c"),
            build_record(13, "after"),
        ]
        self.aws.send(RANGES, build_range_message())
        rows = self.redrive()
        self.assertEqual(self.aws.republished, [["a", "c"]])
        self.assertEqual({row.reason for row in rows}, {"RetryAttemptsExhausted, in the stream"})
        self.assertEqual((self.count_messages(RANGES), self.aws.scans), (0, []))

    def test_scans_the_table_if_the_stream_has_expired(self) -> None:
        self.aws.records = None
        self.aws.scanned_orders = [f"order-{number}" for number in range(101)]
        self.aws.send(RANGES, build_range_message())
        rows = self.redrive()
        self.assertEqual([len(orders) for orders in self.aws.republished], [100, 1])
        self.assertEqual(len(rows), 101)
        [scan] = self.aws.scans
        self.assertEqual(scan["ExpressionAttributeValues"][":first"], {"S": "2025-01-01T09:55:00.000Z"})
        self.assertEqual(scan["ExpressionAttributeValues"][":last"], {"S": "2025-01-01T10:35:00.000Z"})
        self.assertTrue(scan["ConsistentRead"])
        self.assertEqual(self.count_messages(RANGES), 0)

    def test_keeps_a_stream_range_until_all_of_its_events_are_accepted(self) -> None:
        self.aws.records = [build_record(10, "a"), build_record(11, "b"), build_record(12, "no id")]
        self.aws.outcomes = {"a": {"outcome": "NotAccepted"}}
        self.aws.send(RANGES, build_range_message())
        rows = self.redrive()
        self.assertEqual(
            {row.subject: row.result for row in rows},
            {
                "a": "left: EventBridge did not accept the event",
                "b": "published again",
                "no id": "left: the id is invalid",
            },
        )
        self.assertEqual((self.aws.republished, self.count_messages(RANGES)), ([["a", "b"]], 1))
        self.assertEqual([row.failed for row in rows], [True, False, True])

    def test_scans_the_table_if_the_end_of_the_range_is_missing(self) -> None:
        self.aws.records = [build_record(10, "a")]
        self.aws.scanned_orders = ["a", "b"]
        self.aws.send(RANGES, build_range_message())
        self.assertEqual([row.subject for row in self.redrive()], ["a", "b"])

    def test_keeps_a_stream_range_if_the_function_fails(self) -> None:
        self.aws.records = [build_record(12, "a")]
        self.aws.fails_invocations = True
        self.aws.send(RANGES, build_range_message())
        with self.assertRaises(republish.FunctionError):
            self.redrive()
        self.assertEqual(self.count_messages(RANGES), 1)

    def test_ignores_records_after_the_end_of_the_range(self) -> None:
        self.aws.records = [build_record(10, "a"), build_record(13, "after")]
        self.aws.send(RANGES, build_range_message())
        self.assertEqual([row.subject for row in self.redrive()], ["a"])

    def test_settles_a_stream_range_without_events(self) -> None:
        self.aws.records = [build_record(12, "a", with_event=False)]
        self.aws.send(RANGES, build_range_message())
        [row] = self.redrive()
        self.assertEqual((row.result, self.count_messages(RANGES)), ("no order has an event to publish", 0))

    def test_leaves_messages_without_a_stream_range(self) -> None:
        self.aws.send(RANGES, {"requestContext": {}})
        self.aws.send(RANGES, "no JSON")
        self.aws.send(RANGES, build_range_message(shardId=""))
        rows = self.redrive()
        self.assertTrue(all(row.result == "left: contains no range of the stream" for row in rows), rows)
        self.assertEqual(self.count_messages(RANGES), 3)

    def test_publishes_the_stock_of_the_products_in_a_range_of_the_inventory_stream(self) -> None:
        self.aws.records = [
            build_stock_record(10, "001"),
            build_stock_record(11, "001#entry", with_revision=False),
            build_stock_record(12, "002"),
            build_stock_record(13, "001"),
            build_stock_record(14, "after"),
        ]
        self.aws.outcomes = {"001": {"outcome": "Published", "eventTypes": ["StockLow", "InventoryUpdated"]}}
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM, endSequenceNumber="13"))
        rows = self.redrive()
        self.assertEqual((self.aws.republished, self.aws.republished_products), ([], [["001", "002"]]))
        self.assertEqual([row.event for row in rows], ["StockLow, InventoryUpdated", ""])
        self.assertEqual({row.reason for row in rows}, {"RetryAttemptsExhausted, in the stream"})
        self.assertEqual((self.count_messages(RANGES), self.aws.scans), (0, []))

    def test_publishes_the_stock_of_every_product_if_the_stream_has_expired(self) -> None:
        self.aws.records = None
        self.aws.scanned_products = [f"product-{number}" for number in range(101)]
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        rows = self.redrive()
        self.assertEqual([len(products) for products in self.aws.republished_products], [100, 1])
        [scan] = self.aws.scans
        self.assertEqual(scan["FilterExpression"], "attribute_exists(Revision)")
        self.assertTrue(scan["ConsistentRead"])
        self.assertEqual((len(rows), self.count_messages(RANGES)), (101, 0))

    def test_keeps_a_range_of_the_inventory_stream_until_all_of_its_stock_is_accepted(self) -> None:
        self.aws.records = [build_stock_record(11, "001"), build_stock_record(12, "gone")]
        self.aws.outcomes = {"001": {"outcome": "NotAccepted"}, "gone": {"outcome": "UnknownProduct"}}
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        rows = self.redrive()
        self.assertEqual(
            [row.result for row in rows], ["left: EventBridge did not accept the event", "no such product"]
        )
        self.assertEqual(([row.failed for row in rows], self.count_messages(RANGES)), ([True, False], 1))
        self.aws.outcomes = {}
        self.redrive()
        self.assertEqual(self.count_messages(RANGES), 0)

    def test_settles_a_range_of_the_inventory_stream_without_stock_items(self) -> None:
        self.aws.records = [build_stock_record(12, "001#entry", with_revision=False)]
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        [row] = self.redrive()
        self.assertEqual((row.result, self.count_messages(RANGES)), ("no product changed", 0))
        self.assertEqual(self.aws.republished_products, [])

    def test_settles_a_report_about_stock_by_publishing_the_stock_of_its_product(self) -> None:
        self.aws.outcomes = {"bad": {"outcome": "Unpublishable", "errorType": "BadItem", "reason": "no"}}
        for product in ["repaired", "bad", None]:
            self.aws.send(EVENTS, build_stock_report(product))
        rows = self.redrive("--all")
        self.assertEqual({row.reason for row in rows}, {"BadItem: no"})
        self.assertEqual([row.subject for row in rows], ["repaired", "bad", ""])
        self.assertEqual([row.result.startswith("left: ") for row in rows], [False, True, True])
        self.assertEqual((self.aws.republished_products, self.aws.events), ([["repaired"], ["bad"]], []))
        self.assertEqual(self.count_messages(), 2)

    def test_a_dry_run_publishes_no_stock(self) -> None:
        self.aws.records = [build_stock_record(12, "001")]
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        self.aws.send(EVENTS, build_stock_report("001"))
        rows = self.redrive("--dry")
        self.assertEqual([row.result for row in rows], ["would be published again"] * 2)
        self.assertEqual(self.aws.republished_products, [])
        self.assertEqual((self.count_messages(), self.count_messages(RANGES)), (1, 1))

    def test_republishes_stuck_orders(self) -> None:
        self.aws.scanned_orders = ["a"]
        [row] = self.redrive("--stuck", "60")
        self.assertEqual((row.subject, row.result), ("a", "published again"))
        [scan] = self.aws.scans
        before = datetime.fromisoformat(scan["ExpressionAttributeValues"][":before"]["S"])
        self.assertAlmostEqual((datetime.now(UTC) - before).total_seconds(), 60, delta=timedelta(seconds=30).seconds)


if __name__ == "__main__":
    unittest.main()
