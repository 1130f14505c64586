"""Redriving, on queues, bus, function and tables that are stand-ins: python -m unittest."""

import io
import json
import unittest
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import botocore.exceptions
import dead_letter
import redrive

LETTERS, STRETCHES = "letters", "stretches"
OUTPUTS = {
    "DeadLetterQueueUrl": LETTERS,
    "RelayDeadLetterQueueUrl": STRETCHES,
    "EventBusName": "bus",
    "OrdersTableName": "orders",
    "OrderServiceFunctionName": "order-service",
}
STRETCH = {
    "shardId": "shard",
    "startSequenceNumber": "10",
    "endSequenceNumber": "12",
    "streamArn": "stream",
    "approximateArrivalOfFirstRecord": "2025-01-01T10:00:00Z",
    "approximateArrivalOfLastRecord": "2025-01-01T10:30:00Z",
}


class Cloud:
    """The part of AWS that is used, in memory."""

    def __init__(self) -> None:
        """Everything works, and the queues are empty."""
        self.queues: dict[str, list[dict[str, Any]]] = {LETTERS: [], STRETCHES: []}
        self.hidden: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self.refuses = False
        self.fails = False
        self.asked: list[list[str]] = []
        self.outcomes: dict[str, dict[str, str]] = {}
        self.records: list[dict[str, Any]] | None = []
        self.scans: list[dict[str, Any]] = []
        self.found: list[str] = []
        self.comes_back = False

    def client(self, _service: str) -> "Cloud":
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
        visible = [one for one in self.queues[QueueUrl] if one["ReceiptHandle"] not in self.hidden]
        batch = visible[:MaxNumberOfMessages]
        self.hidden |= {one["ReceiptHandle"] for one in batch}
        return {"Messages": batch} if batch else {}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:
        self.queues[QueueUrl] = [one for one in self.queues[QueueUrl] if one["ReceiptHandle"] != ReceiptHandle]

    def change_message_visibility(self, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:
        assert VisibilityTimeout == 0
        self.hidden.discard(ReceiptHandle)

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.refuses:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
        self.events += Entries
        if self.comes_back:
            self.send(LETTERS, unhandled("OrderLost"), sent=datetime.now(UTC).timestamp() * 1000 + 60_000)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:
        assert FunctionName == "order-service"
        if self.fails:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorType":"Busy"}')}
        orders = json.loads(Payload)["republish"]["orderIds"]
        self.asked.append(orders)
        done = [{"orderId": one} | self.outcomes.get(one, {"outcome": "Published"}) for one in orders]
        return {"Payload": io.BytesIO(json.dumps({"orders": done}).encode())}

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        if self.records is None:
            error = {"Error": {"Code": "TrimmedDataAccessException", "Message": "gone"}}
            raise botocore.exceptions.ClientError(error, "GetShardIterator")
        if not request["ShardId"]:
            raise botocore.exceptions.ParamValidationError(report="too short")
        assert request["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        return {"ShardIterator": request["SequenceNumber"]}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:
        records = [one for one in self.records or [] if int(one["dynamodb"]["SequenceNumber"]) >= int(ShardIterator)]
        return {"Records": records[:2], "NextShardIterator": str(int(ShardIterator) + 2)}

    def get_paginator(self, operation: str) -> "Cloud":
        assert operation == "scan"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.scans.append(request)
        return [{"Items": [{"OrderId": {"S": order}} for order in self.found]}]


def event(kind: str = "OrderShipped", source: str = "ecommerce.order", detail: str = '{"orderId":"1"}') -> str:
    return (
        f'{{"version":"0","id":"e","detail-type":"{kind}","source":"{source}","account":"1",'
        f'"time":"2025-01-01T00:00:00Z","region":"r","resources":["a"], "detail": {detail} }}'
    )


def failed(error_type: str, payload: str | None = None) -> str:
    answer = json.dumps({"errorType": error_type, "errorMessage": "why"})
    context = json.dumps({"condition": "RetriesExhausted"})
    return f'{{"requestContext":{context},"requestPayload":{payload or event()},"responsePayload":{answer}}}'


def unhandled(kind: str, detail: str = '{"orderId":"1"}') -> str:
    return failed("UnhandledDetailType", event(kind, detail=detail))


def notice(order: str | None) -> str:
    detail = {"sequenceNumber": "1", "errorType": "BadItem", "reason": "no"} | ({"orderId": order} if order else {})
    return unhandled(dead_letter.UNPUBLISHABLE, json.dumps(detail))


def record(number: int, order: str, *, carries: bool = True) -> dict[str, Any]:
    image = {"Event": {"M": {}}} if carries else {}
    keys = {"OrderId": {"S": order}}
    return {"dynamodb": {"SequenceNumber": str(number), "Keys": keys, "NewImage": image}}


def stretch(**other: str) -> dict[str, Any]:
    context = {"condition": "RetryAttemptsExhausted"}
    return {"requestContext": context, "DDBStreamBatchInfo": STRETCH | other}


class Redriving(unittest.TestCase):
    """What becomes of each message."""

    def setUp(self) -> None:
        """A cloud of its own for each test."""
        self.cloud = Cloud()

    def redrive(self, *arguments: str) -> list[redrive.Row]:
        chosen = redrive.options(list(arguments))
        return list(redrive.Redrive(self.cloud.client, OUTPUTS, chosen).run())

    def left(self, queue: str = LETTERS) -> int:
        """How many messages a queue has, all of which can be read again."""
        self.assertFalse({one["ReceiptHandle"] for one in self.cloud.queues[queue]} & self.cloud.hidden)
        return len(self.cloud.queues[queue])

    def test_an_event_goes_back_as_it_came_and_its_message_goes(self) -> None:
        detail = '{"orderId":"1","totalAmount":79.990, "note":"a \\"b\\" }"}'
        self.cloud.send(LETTERS, failed("Busy", event("OrderPlaced", detail=detail)))
        [row] = self.redrive()
        self.assertEqual((row.event, row.order, row.reason, row.done), ("OrderPlaced", "1", "Busy: why", "put back"))
        self.assertEqual(
            self.cloud.events,
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
        self.assertEqual(self.left(), 0)

    def test_an_event_that_could_not_be_delivered_goes_back_too(self) -> None:
        self.cloud.send(LETTERS, event(), attributes={"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "why"})
        [row] = self.redrive()
        self.assertEqual((row.reason, row.done, self.left()), ("NO_PERMISSIONS: why", "put back", 0))

    def test_an_event_that_lambda_gave_no_reason_for_goes_back_too(self) -> None:
        self.cloud.send(LETTERS, f'{{"requestContext":{{"condition":"EventAgeExceeded"}},"requestPayload":{event()}}}')
        [row] = self.redrive()
        self.assertEqual((row.reason, row.done), ("EventAgeExceeded", "put back"))

    def test_a_message_is_kept_until_its_event_is_accepted(self) -> None:
        self.cloud.send(LETTERS, failed("Busy"))
        self.cloud.refuses = True
        [row] = self.redrive()
        self.assertEqual((row.done, row.failed, self.left()), ("left: InternalFailure", True, 1))
        with patch.object(Cloud, "put_events", side_effect=KeyError("cut off")), self.assertRaises(KeyError):
            self.redrive()
        self.assertEqual(self.left(), 1)
        self.cloud.refuses = False
        self.redrive()
        self.assertEqual((len(self.cloud.events), self.left()), (1, 0))

    def test_what_would_come_back_is_left_unless_asked_for(self) -> None:
        kinds = ["MalformedEvent", "UnknownVersion", "IllegalTransition", "UnhandledDetailType", "UnsupportedTrigger"]
        for kind in kinds:
            self.cloud.send(LETTERS, failed(kind))
        self.cloud.send(LETTERS, failed("TooEarly"))
        rows = self.redrive()
        self.assertEqual([row.done.startswith("left: would come back") for row in rows], [True] * 5 + [False])
        self.assertFalse(any(row.failed for row in rows))
        self.assertEqual((len(self.cloud.events), self.left()), (1, 5))
        self.redrive("--all")
        self.assertEqual((len(self.cloud.events), self.left()), (6, 0))

    def test_what_comes_back_meanwhile_is_for_the_next_time(self) -> None:
        self.cloud.comes_back = True
        for _ in range(12):
            self.cloud.send(LETTERS, unhandled("OrderLost"))
        rows = self.redrive("--all")
        self.assertEqual((len(rows), len(self.cloud.events), self.left()), (12, 12, 12))

    def test_a_dry_run_changes_nothing(self) -> None:
        self.cloud.send(LETTERS, failed("Busy"))
        self.cloud.send(LETTERS, notice("1"))
        self.cloud.send(STRETCHES, stretch())
        self.cloud.records = [record(10, "a")]
        self.cloud.found = ["b"]
        rows = self.redrive("--dry", "--stuck", "60")
        self.assertEqual([row.done.split()[0] for row in rows], ["would"] * 4)
        self.assertEqual((self.cloud.events, self.cloud.asked), ([], []))
        self.assertEqual((self.left(), self.left(STRETCHES)), (2, 1))

    def test_what_holds_no_event_of_ours_is_left(self) -> None:
        foreign = failed("MalformedEvent", event(source="somebody.else"))
        timeless = failed("Busy", event().replace("2025-01-01T", "sometime "))
        bodies = ["no JSON", "7", "{}", timeless, failed("Busy", '{"a":1}'), failed("Busy", "null"), foreign]
        for body in bodies:
            self.cloud.send(LETTERS, body)
        rows = self.redrive("--all")
        self.assertTrue(all(row.done.startswith("left: ") for row in rows), rows)
        self.assertEqual((self.cloud.events, self.left()), ([], len(bodies)))

    def test_a_notice_is_settled_by_its_order_and_never_put_back(self) -> None:
        self.cloud.outcomes = {
            "bad": {"outcome": "Unpublishable", "errorType": "BadItem", "reason": "no"},
            "gone": {"outcome": "UnknownOrder"},
            "done": {"outcome": "NothingToPublish"},
        }
        for order in ["mended", "bad", "gone", "done", None]:
            self.cloud.send(LETTERS, notice(order))
        rows = self.redrive("--all")
        self.assertEqual({row.reason for row in rows}, {"BadItem: no"})
        settled = [row.order for row in rows if not row.done.startswith("left: ")]
        self.assertEqual((settled, self.left()), (["mended", "done"], 3))
        self.assertEqual(self.cloud.events, [])

    def test_a_stretch_of_the_stream_leads_to_its_orders(self) -> None:
        self.cloud.records = [
            record(9, "before"),
            record(10, "a"),
            record(11, "b", carries=False),
            record(12, "c"),
            record(13, "behind"),
        ]
        self.cloud.send(STRETCHES, stretch())
        rows = self.redrive()
        self.assertEqual(self.cloud.asked, [["a", "c"]])
        self.assertEqual({row.reason for row in rows}, {"RetryAttemptsExhausted, in the stream"})
        self.assertEqual((self.left(STRETCHES), self.cloud.scans), (0, []))

    def test_a_stretch_that_the_stream_no_longer_has_leads_to_the_table(self) -> None:
        self.cloud.records = None
        self.cloud.found = [f"order-{number}" for number in range(101)]
        self.cloud.send(STRETCHES, stretch())
        rows = self.redrive()
        self.assertEqual([len(orders) for orders in self.cloud.asked], [100, 1])
        self.assertEqual(len(rows), 101)
        [scan] = self.cloud.scans
        self.assertEqual(scan["ExpressionAttributeValues"][":first"], {"S": "2025-01-01T09:55:00.000Z"})
        self.assertEqual(scan["ExpressionAttributeValues"][":last"], {"S": "2025-01-01T10:35:00.000Z"})
        self.assertTrue(scan["ConsistentRead"])
        self.assertEqual(self.left(STRETCHES), 0)

    def test_a_stretch_is_kept_until_each_of_its_events_is_accepted(self) -> None:
        self.cloud.records = [record(10, "a"), record(11, "b"), record(12, "no id")]
        self.cloud.outcomes = {"a": {"outcome": "NotAccepted"}}
        self.cloud.send(STRETCHES, stretch())
        rows = self.redrive()
        self.assertEqual(
            {row.order: row.done for row in rows},
            {"a": "left: NotAccepted", "b": "published again", "no id": "left: UnreadableId"},
        )
        self.assertEqual((self.cloud.asked, self.left(STRETCHES)), ([["a", "b"]], 1))
        self.assertEqual([row.failed for row in rows], [True, False, True])

    def test_a_stretch_whose_end_is_not_found_leads_to_the_table_too(self) -> None:
        self.cloud.records = [record(10, "a")]
        self.cloud.found = ["a", "b"]
        self.cloud.send(STRETCHES, stretch())
        self.assertEqual([row.order for row in self.redrive()], ["a", "b"])

    def test_a_stretch_is_kept_when_the_function_fails(self) -> None:
        self.cloud.records = [record(12, "a")]
        self.cloud.fails = True
        self.cloud.send(STRETCHES, stretch())
        with self.assertRaises(redrive.FunctionError):
            self.redrive()
        self.assertEqual(self.left(STRETCHES), 1)

    def test_a_stretch_ends_where_it_ends(self) -> None:
        self.cloud.records = [record(10, "a"), record(13, "behind")]
        self.cloud.send(STRETCHES, stretch())
        self.assertEqual([row.order for row in self.redrive()], ["a"])

    def test_a_stretch_of_which_nothing_is_left_to_publish_is_done_with(self) -> None:
        self.cloud.records = [record(12, "a", carries=False)]
        self.cloud.send(STRETCHES, stretch())
        [row] = self.redrive()
        self.assertEqual((row.done, self.left(STRETCHES)), ("no order is left to publish", 0))

    def test_a_message_that_points_to_no_stretch_is_left(self) -> None:
        self.cloud.send(STRETCHES, {"requestContext": {}})
        self.cloud.send(STRETCHES, "no JSON")
        self.cloud.send(STRETCHES, stretch(shardId=""))
        rows = self.redrive()
        self.assertTrue(all(row.done == "left: points to no records" for row in rows), rows)
        self.assertEqual(self.left(STRETCHES), 3)

    def test_orders_that_carry_an_event_for_long_publish_it_again(self) -> None:
        self.cloud.found = ["a"]
        [row] = self.redrive("--stuck", "60")
        self.assertEqual((row.order, row.done), ("a", "published again"))
        [scan] = self.cloud.scans
        before = datetime.fromisoformat(scan["ExpressionAttributeValues"][":before"]["S"])
        self.assertAlmostEqual((datetime.now(UTC) - before).total_seconds(), 60, delta=timedelta(seconds=30).seconds)


if __name__ == "__main__":
    unittest.main()
