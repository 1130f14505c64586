"""Redrives the dead-letter queues of a stack and prints the result for each message.

python tools/redrive.py            the local stack (.local/stack.json)
python tools/redrive.py STACK      a stack on AWS, with the credentials of the environment

An event of DeadLetterQueue goes back on the bus. A message of RelayDeadLetterQueue only
points to a range of the Orders stream. The orders of that range republish the events that
they still carry. A message is deleted only after all of its events are accepted. A duplicate
event changes neither order nor stock, so it is safe to run this twice.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
import dead_letter
from message_queue import MessageQueue
from order_finder import OrderFinder, format_time
from republish import SETTLED, FunctionError, Republisher, describe_outcome
from stack_target import LOCAL_STACK, ClientFactory, read_outputs, select_stack

COLUMNS = ("queue", "event", "order", "reason", "result")
MAX_COLUMN_WIDTH = 60


@dataclass(frozen=True)
class Row:
    """The result for an event or an order."""

    queue: str
    event: str
    order: str
    reason: str
    result: str
    failed: bool = False


@dataclass(frozen=True)
class Handled:
    """The result for a message. A settled message can be deleted."""

    settled: bool
    rows: list[Row]


def main(arguments: list[str]) -> int:
    """Redrives both queues and returns 1 if an event was not accepted."""
    options = parse_options(arguments)
    rows: list[Row] = []
    try:
        create_client, stack = select_stack(options.stack, options.local_stack)
        redrive = Redrive(create_client, read_outputs(create_client, stack), options)
        rows.extend(redrive.run())
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, FunctionError) as error:
        # The results so far are final, so they are printed.
        _print_rows(rows)
        sys.exit(f"redrive: {error}")
    _print_rows(rows)
    return int(any(row.failed for row in rows))


class Redrive:
    """The dead-letter queues of a stack, with the bus, the table and the function behind them."""

    def __init__(self, create_client: ClientFactory, outputs: Mapping[str, str], options: argparse.Namespace) -> None:
        """Creates the clients for a stack with these outputs."""
        self._outputs = outputs
        self._options = options
        self._sqs = create_client("sqs")
        self._events = create_client("events")
        self._republisher = Republisher(create_client("lambda"), outputs["OrderServiceFunctionName"])
        self._finder = OrderFinder(
            create_client("dynamodb"), create_client("dynamodbstreams"), outputs["OrdersTableName"]
        )

    def run(self) -> Iterator[Row]:
        """Handles both queues, and the stuck orders if requested."""
        yield from self._redrive_queue("DeadLetterQueue", self._handle_event)
        yield from self._redrive_queue("RelayDeadLetterQueue", self._handle_stream_range)
        if self._options.stuck is not None:
            yield from self._republish_stuck(timedelta(seconds=self._options.stuck))

    def _redrive_queue(self, name: str, handle: Callable[[Mapping[str, Any]], Handled]) -> Iterator[Row]:
        """Handles the messages of a queue and deletes the settled ones."""
        with MessageQueue(self._sqs, self._outputs[f"{name}Url"]) as queue:
            for message in queue.read_messages():
                handled = handle(message)
                if handled.settled and not self._options.dry:
                    queue.delete(message)
                yield from handled.rows

    def _handle_event(self, message: Mapping[str, Any]) -> Handled:
        """Puts the event of a message back on the bus unless it would fail again."""
        letter = dead_letter.parse_message(message)
        event = letter.event
        reason = f"{letter.error_type}: {letter.reason}" if letter.reason else letter.error_type

        def report(result: str, *, settled: bool = False, failed: bool = False) -> Handled:
            kind, order = (event.detail_type, event.order_id or "") if event else ("", "")
            return Handled(settled, [Row("DeadLetterQueue", kind, order, reason, result, failed)])

        if event is None:
            return report("left: contains no event")
        if letter.reports_unpublishable:
            return self._settle_unpublishable(event, report)
        if event.source != dead_letter.SOURCE:
            return report(f"left: no rule matches the source {event.source}")
        if letter.error_type in dead_letter.PERMANENT and not self._options.all:
            return report("left: would come back (ALL=1 puts it back)")
        if self._options.dry:
            return report("would be put back", settled=True)
        error = self._put_on_bus(event)
        return report(f"left: {error}", failed=True) if error else report("put back", settled=True)

    def _put_on_bus(self, event: dead_letter.Event) -> str | None:
        """Puts an event on the bus and returns the error code if it was rejected."""
        entry = {
            "EventBusName": self._outputs["EventBusName"],
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": event.detail,
            "Resources": event.resources,
        }
        if event.time is not None:
            entry["Time"] = event.time
        response = self._events.put_events(Entries=[entry])
        return response["Entries"][0].get("ErrorCode", "rejected") if response["FailedEntryCount"] else None

    def _settle_unpublishable(self, event: dead_letter.Event, report: Callable[..., Handled]) -> Handled:
        """Republishes the order of a report, which succeeds once its item is repaired."""
        if event.order_id is None:
            return report("left: names no order")
        if self._options.dry:
            return report("would ask the order to publish again")
        outcome = self._republisher.republish([event.order_id])[event.order_id]
        if outcome["outcome"] in {"NothingToPublish", "Published"}:
            return report(describe_outcome(outcome), settled=True)
        return report(f"left: mend the order, then run this again ({outcome['outcome']})")

    def _handle_stream_range(self, message: Mapping[str, Any]) -> Handled:
        """Republishes the orders in the stream range of a message."""
        try:
            record = json.loads(message["Body"])
            stream_range = record["DDBStreamBatchInfo"]
            condition = str(record["requestContext"]["condition"])
            orders, place = self._finder.find_in_range(stream_range)
        except (KeyError, TypeError, ValueError, botocore.exceptions.ParamValidationError) as error:
            reason = f"{type(error).__name__}: {error}"
            return Handled(False, [Row("RelayDeadLetterQueue", "", "", reason, "left: points to no records")])
        reason = f"{condition}, {place}"
        rows = self._republish("RelayDeadLetterQueue", reason, orders)
        if not rows:
            return Handled(True, [Row("RelayDeadLetterQueue", "", "", reason, "no order has an event to publish")])
        return Handled(not any(row.failed for row in rows), rows)

    def _republish_stuck(self, age: timedelta) -> Iterator[Row]:
        """Republishes the orders whose event is so old that it must have been lost."""
        before = format_time(datetime.now(UTC) - age)
        yield from self._republish("", f"carries an event since before {before}", self._finder.find_older_than(before))

    def _republish(self, queue: str, reason: str, orders: list[str]) -> list[Row]:
        """Republishes orders and returns the result for each."""
        if self._options.dry:
            return [Row(queue, "", order, reason, "would publish its event") for order in orders]
        return [
            Row(
                queue,
                outcome.get("eventType", ""),
                order,
                reason,
                describe_outcome(outcome),
                outcome["outcome"] not in SETTLED,
            )
            for order, outcome in self._republisher.republish(orders).items()
        ]


def _print_rows(rows: list[Row]) -> None:
    if not rows:
        print("Nothing to redrive")
        return
    table = [COLUMNS, *((row.queue, row.event, row.order, row.reason, row.result) for row in rows)]
    cells = [[_shorten(cell) for cell in line] for line in table]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_COLUMN_WIDTH else f"{text[: MAX_COLUMN_WIDTH - 1]}…"


def parse_options(arguments: list[str]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description="Redrives the dead-letter queues of a stack.")
    parser.add_argument("stack", nargs="*", metavar="STACK", help="a stack on AWS (default: the local stack)")
    parser.add_argument("--dry", action="store_true", help="only show what would be done")
    parser.add_argument("--all", action="store_true", help="also put back events that would fail again")
    parser.add_argument(
        "--stuck", type=int, metavar="SECONDS", help="also republish orders that carry an event for longer than this"
    )
    parser.add_argument("--local-stack", type=Path, default=LOCAL_STACK, metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
