"""Redrives the dead-letter queues of a stack and prints the result for each message.

python tools/redrive.py            the local stack (.local/stack.json)
python tools/redrive.py STACK      a stack on AWS, with the credentials of the environment

An event of DeadLetterQueue, OrderEventDeadLetterQueue or UndeliveredEventQueue goes back on the bus. A
message of RelayDeadLetterQueue only points to a range of a stream. For the Orders stream,
OrderServiceFunction republishes the events that the orders of that range still have. For the Inventory
stream, InventoryServiceFunction publishes the stock of its products as it is now. A message is deleted
only after all of its events are accepted. A duplicate event changes neither order nor stock, so it is
safe to run this twice.

Exits with 1 if the bus rejected an event, if an order or a product of a stream range or a stuck
order was not republished, or if a call failed. Any other message that stays in its queue is no failure.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
import dead_letter
from message_queue import MessageQueue
from order_finder import OrderFinder, format_time
from product_finder import ProductFinder
from republish import (
    ORDERS,
    PRODUCTS,
    SETTLED,
    FunctionError,
    Republisher,
    describe_outcome,
    list_event_types,
)
from stack_target import LOCAL_STACK, ClientFactory, read_outputs, select_stack

COLUMNS = ("queue", "event", "order or product", "reason", "result")
MAX_COLUMN_WIDTH = 60
# The queues whose messages contain an event.
EVENT_QUEUES = ("DeadLetterQueue", "OrderEventDeadLetterQueue", "UndeliveredEventQueue")


@dataclass(frozen=True)
class Row:
    """The result for an event, an order or a product."""

    queue: str
    event: str
    subject: str
    reason: str
    result: str
    failed: bool = False


@dataclass(frozen=True)
class MessageResult:
    """The result for a message. A settled message can be deleted."""

    settled: bool
    rows: list[Row]

    @classmethod
    def of_letter(
        cls, letter: dead_letter.DeadLetter, result: str, *, settled: bool = False, failed: bool = False
    ) -> "MessageResult":
        """Creates the result for a message with an event."""
        event = letter.event
        kind, subject = (event.detail_type, event.order_id or event.product_id or "") if event else ("", "")
        reason = f"{letter.error_type}: {letter.reason}" if letter.reason else letter.error_type
        return cls(settled, [Row("", kind, subject, reason, result, failed)])


def main(arguments: list[str]) -> int:
    """Redrives every queue and returns the exit status. Exits with an error message if a call fails."""
    options = parse_options(arguments)
    rows: list[Row] = []
    status = 0
    try:
        create_client, stack = select_stack(options.stack, options.local_stack)
        redriver = Redriver(create_client, read_outputs(create_client, stack), options)
        for row in redriver.run():
            rows.append(row)
            if row.failed:
                status = 1
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, FunctionError) as error:
        # Messages that were already settled stay settled, so their results are printed.
        _print_rows(rows)
        sys.exit(f"redrive: {error}")
    _print_rows(rows)
    return status


class Redriver:
    """The dead-letter queues of a stack, with the bus, the tables and the functions behind them."""

    def __init__(self, create_client: ClientFactory, outputs: Mapping[str, str], options: argparse.Namespace) -> None:
        """Creates the clients for a stack with these outputs."""
        self._outputs = outputs
        self._options = options
        self._sqs = create_client("sqs")
        self._events = create_client("events")
        functions = create_client("lambda")
        self._orders = Republisher(functions, outputs["OrderServiceFunctionName"], ORDERS)
        self._products = Republisher(functions, outputs["InventoryServiceFunctionName"], PRODUCTS)
        dynamodb, streams = create_client("dynamodb"), create_client("dynamodbstreams")
        self._order_finder = OrderFinder(dynamodb, streams, outputs["OrdersTableName"])
        self._product_finder = ProductFinder(dynamodb, streams, outputs["InventoryTableName"])

    def run(self) -> Iterator[Row]:
        """Handles every queue, and the stuck orders if requested."""
        for queue in EVENT_QUEUES:
            yield from self._redrive_queue(queue, self._handle_event)
        yield from self._redrive_queue("RelayDeadLetterQueue", self._handle_stream_range)
        if self._options.stuck is not None:
            yield from self._republish_stuck(timedelta(seconds=self._options.stuck))

    def _redrive_queue(self, name: str, handle: Callable[[Mapping[str, Any]], MessageResult]) -> Iterator[Row]:
        """Handles the messages of a queue and deletes the settled ones."""
        with MessageQueue(self._sqs, self._outputs[f"{name}Url"]) as queue:
            for message in queue.read_messages():
                result = handle(message)
                if result.settled and not self._options.dry:
                    queue.delete(message)
                yield from (replace(row, queue=name) for row in result.rows)

    def _handle_event(self, message: Mapping[str, Any]) -> MessageResult:
        """Puts the event of a message back on the bus unless it would fail again."""
        letter = dead_letter.parse_message(message)
        event = letter.event
        if event is None:
            return MessageResult.of_letter(letter, "left: contains no event")
        if letter.reports_unpublishable_order:
            return self._settle_unpublishable(letter, self._orders, event.order_id)
        if letter.reports_unpublishable_stock:
            return self._settle_unpublishable(letter, self._products, event.product_id)
        if event.source not in {dead_letter.SOURCE, dead_letter.WAREHOUSE_SOURCE}:
            return MessageResult.of_letter(letter, f"left: no rule matches the source {event.source}")
        if letter.error_type in dead_letter.PERMANENT and not self._options.all:
            return MessageResult.of_letter(letter, "left: would come back (ALL=1 puts it back)")
        if self._options.dry:
            return MessageResult.of_letter(letter, "would be put back", settled=True)
        error = self._put_on_bus(event)
        if error is not None:
            return MessageResult.of_letter(letter, f"left: not accepted ({error})", failed=True)
        return MessageResult.of_letter(letter, "put back", settled=True)

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

    def _settle_unpublishable(
        self, letter: dead_letter.DeadLetter, republisher: Republisher, subject: str | None
    ) -> MessageResult:
        """Republishes the order or product of a report, which succeeds once its item is repaired."""
        if subject is None:
            return MessageResult.of_letter(letter, "left: contains no id")
        if self._options.dry:
            return MessageResult.of_letter(letter, "would be published again")
        outcome = republisher.republish([subject])[subject]
        if outcome["outcome"] in {"NothingToPublish", "Published"}:
            return MessageResult.of_letter(letter, describe_outcome(outcome), settled=True)
        return MessageResult.of_letter(letter, f"left: repair the item, then run this again ({outcome['outcome']})")

    def _handle_stream_range(self, message: Mapping[str, Any]) -> MessageResult:
        """Republishes the orders or products in the stream range of a message."""
        try:
            record = json.loads(message["Body"])
            stream_range = record["DDBStreamBatchInfo"]
            condition = str(record["requestContext"]["condition"])
            is_stock = self._product_finder.owns(stream_range)
            finder = self._product_finder if is_stock else self._order_finder
            subjects, place = finder.find_in_range(stream_range)
        except (KeyError, TypeError, ValueError, botocore.exceptions.ParamValidationError) as error:
            reason = f"{type(error).__name__}: {error}"
            return MessageResult(
                False, [Row("RelayDeadLetterQueue", "", "", reason, "left: contains no range of the stream")]
            )
        reason = f"{condition}, {place}"
        republisher = self._products if is_stock else self._orders
        rows = self._republish(republisher, "RelayDeadLetterQueue", reason, subjects)
        if not rows:
            nothing = "no product changed" if is_stock else "no order has an event to publish"
            return MessageResult(True, [Row("RelayDeadLetterQueue", "", "", reason, nothing)])
        return MessageResult(not any(row.failed for row in rows), rows)

    def _republish_stuck(self, age: timedelta) -> Iterator[Row]:
        """Republishes the orders whose event is so old that it must have been lost."""
        before = format_time(datetime.now(UTC) - age)
        orders = self._order_finder.find_older_than(before)
        yield from self._republish(self._orders, "", f"has had an event since before {before}", orders)

    def _republish(self, republisher: Republisher, queue: str, reason: str, subjects: list[str]) -> list[Row]:
        """Republishes orders or products and returns the result for each."""
        if self._options.dry:
            return [Row(queue, "", subject, reason, "would be published again") for subject in subjects]
        return [
            Row(
                queue,
                list_event_types(outcome),
                subject,
                reason,
                describe_outcome(outcome),
                outcome["outcome"] not in SETTLED,
            )
            for subject, outcome in republisher.republish(subjects).items()
        ]


def _print_rows(rows: list[Row]) -> None:
    if not rows:
        print("Nothing to redrive")
        return
    table = [COLUMNS, *((row.queue, row.event, row.subject, row.reason, row.result) for row in rows)]
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
    parser.add_argument("--dry", action="store_true", help="show the planned actions and change nothing")
    parser.add_argument("--all", action="store_true", help="also put back events that would fail again")
    parser.add_argument(
        "--stuck", type=int, metavar="SECONDS", help="also republish orders that have had an event for longer than this"
    )
    parser.add_argument("--local-stack", type=Path, default=LOCAL_STACK, metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
