"""Tests of tools/replay.py with a fake EventBridge."""

import unittest
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from replay import ReplayError, parse_time, replay

OUTPUTS = {
    "EventArchiveArn": "archive",
    "EventBusArn": "bus",
    "OrderEventRuleArn": "order-rule",
    "StockEventRuleArn": "stock-rule",
}
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


class FakeEventBridge:
    """An EventBridge whose replay passes through these states."""

    def __init__(self, *states: str) -> None:
        """Stores the states of the replay."""
        self.states = list(states)
        self.requests: list[dict[str, Any]] = []

    def start_replay(self, **request: Any) -> None:
        self.requests.append(request)

    def describe_replay(self, **_request: Any) -> dict[str, str]:
        return {"State": self.states.pop(0)}


class ReplayTest(unittest.TestCase):
    """Tests of the request and of the end of a replay."""

    def test_replays_to_the_rules_of_the_consumer_alone(self) -> None:
        events = FakeEventBridge("STARTING", "RUNNING", "COMPLETED")
        with patch("time.sleep"), patch("builtins.print"):
            replay(events, OUTPUTS, START, END)
        [request] = events.requests
        self.assertEqual(request["Destination"], {"Arn": "bus", "FilterArns": ["order-rule", "stock-rule"]})
        self.assertEqual((request["EventStartTime"], request["EventEndTime"]), (START, END))
        self.assertEqual((request["EventSourceArn"], events.states), ("archive", []))

    def test_fails_if_the_replay_does_not_complete(self) -> None:
        with self.assertRaisesRegex(ReplayError, "is FAILED"):
            replay(FakeEventBridge("FAILED"), OUTPUTS, START, END)

    def test_starts_no_replay_without_an_archive_or_a_range(self) -> None:
        events = FakeEventBridge()
        with self.assertRaisesRegex(ReplayError, "ArchiveDays"):
            replay(events, {"EventBusArn": "bus"}, START, END)
        with self.assertRaisesRegex(ReplayError, "FROM must be before TO"):
            replay(events, OUTPUTS, END, START)
        self.assertEqual(events.requests, [])

    def test_a_time_without_an_offset_is_in_utc(self) -> None:
        self.assertEqual(parse_time("2026-01-01T00:00:00"), START)
        self.assertEqual(parse_time("2026-01-01T01:00:00+01:00"), START)


if __name__ == "__main__":
    unittest.main()
