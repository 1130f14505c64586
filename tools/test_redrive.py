"""Tests of tools/redrive.py for orders with a fake AWS: python -m unittest."""

import unittest
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import order_finder
import redrive
import republish
from fake_aws import (
    EVENTS,
    ORDER_EVENTS,
    RANGES,
    UNDELIVERED,
    FakeAws,
    RedriveTestCase,
    build_event,
    build_failure,
    build_range_message,
    build_record,
    build_unhandled,
    build_unpublishable_report,
)


class RedriveTest(RedriveTestCase):
    """Tests of the result for each kind of message."""

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

    def test_puts_back_the_events_of_each_queue(self) -> None:
        for queue in (EVENTS, ORDER_EVENTS, UNDELIVERED):
            self.aws.send(queue, build_event())
        rows = self.redrive()
        self.assertEqual([row.queue for row in rows], list(redrive.EVENT_QUEUES))
        self.assertEqual({row.result for row in rows}, {"put back"})
        self.assertEqual([self.count_messages(queue) for queue in (EVENTS, ORDER_EVENTS, UNDELIVERED)], [0, 0, 0])

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

    def test_republishes_stuck_orders(self) -> None:
        self.aws.scanned_orders = ["a"]
        [row] = self.redrive("--stuck", "60")
        self.assertEqual((row.subject, row.result), ("a", "published again"))
        [scan] = self.aws.scans
        before = datetime.fromisoformat(scan["ExpressionAttributeValues"][":before"]["S"])
        self.assertAlmostEqual((datetime.now(UTC) - before).total_seconds(), 60, delta=timedelta(seconds=30).seconds)

    def test_finds_stuck_orders_by_each_attribute_of_the_outbox(self) -> None:
        self.redrive("--stuck", "60")
        [scan] = self.aws.scans
        names = scan["ExpressionAttributeNames"]
        for attribute in order_finder.OUTBOX:
            [name] = [name for name, value in names.items() if value == attribute]
            self.assertIn(f"{name}.#time < :before", scan["FilterExpression"])

    def test_scans_the_table_at_a_bounded_rate(self) -> None:
        self.aws.scanned_units = 1000.0
        with patch("time.sleep") as sleep:
            self.redrive("--stuck", "60")
        sleep.assert_called_once_with(1000 / order_finder.MAX_READ_UNITS_PER_SECOND)

    def test_an_order_is_outstanding_until_each_event_is_applied_that_a_function_applies(self) -> None:
        def event(kind: str) -> dict[str, Any]:
            return {"M": {"Type": {"S": kind}}}

        for order, expected in [
            ({}, False),
            ({"Event": event("OrderPlaced")}, True),
            ({"Event": event("OrderConfirmed")}, False),
            ({"EventBeforeShipped": event("OrderConfirmed"), "EventBeforeDelivered": {"NULL": True}}, False),
            ({"EventBeforeCanceled": event("OrderPlaced"), "Event": event("OrderRejected")}, True),
        ]:
            self.assertEqual(order_finder.has_outstanding_event(order), expected, order)


if __name__ == "__main__":
    unittest.main()
