"""Puts back what ended in the dead-letter queues, and shows what it did.

python tools/redrive.py            on the local stack (.local/stack.json)
python tools/redrive.py STACK      on AWS, as the credentials of the environment allow

An event of DeadLetterQueue goes back on the bus. A message of RelayDeadLetterQueue only
points into the stream, so the orders there are found, and each is asked to publish again
the event that it still carries. A message is deleted only after that has been accepted.
Every event may be delivered twice, so it does no harm to run this twice.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
import dead_letter
import seed

# How long SQS hides a message that was read, if this program dies over it.
HIDDEN_SECONDS = 300
BATCH = 10
# As many as the function takes at once.
MAX_ORDERS = 100
ORDER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# So many answers without a record mean that there is none.
EMPTY_ANSWERS = 20
# The message has the arrival of records by the second, an order its change by the function's clock.
CLOCK_TOLERANCE = timedelta(minutes=5)
# What nothing is left to do for.
SETTLED = {"NothingToPublish", "Published", "UnknownOrder"}
# Why the stream may not have what a message points to: it keeps records for 24 hours.
GONE = {"ExpiredIteratorException", "ResourceNotFoundException", "TrimmedDataAccessException", "ValidationException"}
COLUMNS = ("queue", "event", "order", "reason", "done")
WIDEST = 60


class FunctionError(Exception):
    """OrderServiceFunction did not answer what it was asked."""


@dataclass(frozen=True)
class Row:
    """What was found, and what was done about it."""

    queue: str
    event: str
    order: str
    reason: str
    done: str
    failed: bool = False


def main(arguments: list[str]) -> int:
    """Redrives both queues; returns 1 if something was to be put back and was not accepted."""
    chosen = options(arguments)
    rows: list[Row] = []
    try:
        client, stack = seed.target(chosen.stack, chosen.local_stack)
        redrive = Redrive(client, seed.outputs(client("cloudformation"), stack), chosen)
        rows.extend(redrive.run())
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, FunctionError) as error:
        # What was done before is done.
        _show(rows)
        sys.exit(f"redrive: {error}")
    _show(rows)
    return int(any(row.failed for row in rows))


class Redrive:
    """The queues of a stack, and where what is in them came from."""

    def __init__(self, client: Callable[[str], Any], outputs: Mapping[str, str], options: argparse.Namespace) -> None:
        """Names the stack by what its template puts out."""
        self._outputs = outputs
        self._options = options
        self._sqs = client("sqs")
        self._events = client("events")
        self._functions = client("lambda")
        self._tables = client("dynamodb")
        self._streams = client("dynamodbstreams")

    def run(self) -> Iterator[Row]:
        """Does everything that was asked for."""
        yield from self._queue("DeadLetterQueue", self._put_back)
        yield from self._queue("RelayDeadLetterQueue", self._republish_stretch)
        if self._options.stuck is not None:
            yield from self._republish_stuck(timedelta(seconds=self._options.stuck))

    def _queue(self, name: str, handle: Callable[[Mapping[str, Any]], tuple[bool, list[Row]]]) -> Iterator[Row]:
        """Handles each message that is in a queue now; deletes those of which nothing is left to do."""
        url = self._outputs[f"{name}Url"]
        hidden: dict[str, str] = {}
        try:
            for message in self._messages(url, hidden):
                settled, rows = handle(message)
                if settled and not self._options.dry:
                    self._sqs.delete_message(QueueUrl=url, ReceiptHandle=hidden.pop(message["MessageId"]))
                yield from rows
        finally:
            for receipt in hidden.values():
                self._sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def _messages(self, url: str, hidden: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Every message once; those that were read are added to `hidden`, with the receipt to show them again by.

        One that comes while this runs is for the next time: it may be one that was just put back.
        """
        began = time.time() * 1000
        seen: set[str] = set()
        while messages := self._receive(url):
            hidden |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            for message in messages:
                if message["MessageId"] in seen:
                    return
                seen.add(message["MessageId"])
                if int(message["Attributes"]["SentTimestamp"]) <= began:
                    yield message

    def _receive(self, url: str) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=BATCH,
            # Asks every server of the queue, not only some.
            WaitTimeSeconds=1,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def _put_back(self, message: Mapping[str, Any]) -> tuple[bool, list[Row]]:
        """Puts an event back on the bus, if that can help; whether nothing is left to do."""
        letter = dead_letter.read(message)
        event = letter.event
        reason = f"{letter.error_type}: {letter.reason}" if letter.reason else letter.error_type

        def row(done: str, *, failed: bool = False) -> list[Row]:
            kind, order = (event.detail_type, event.order or "") if event else ("", "")
            return [Row("DeadLetterQueue", kind, order, reason, done, failed)]

        if event is None:
            return False, row("left: holds no event")
        if letter.is_notice:
            return self._settle_notice(event, row)
        if event.source != dead_letter.SOURCE:
            return False, row(f"left: no rule takes events of source {event.source}")
        if letter.error_type in dead_letter.PERMANENT and not self._options.all:
            return False, row("left: would come back (ALL=1 puts it back)")
        if self._options.dry:
            return True, row("would be put back")
        refusal = self._put(event)
        return refusal is None, row(f"left: {refusal}" if refusal else "put back", failed=refusal is not None)

    def _put(self, event: dead_letter.Event) -> str | None:
        """Puts an event on the bus; says why if it was not accepted."""
        entry = {
            "EventBusName": self._outputs["EventBusName"],
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": event.detail,
            "Resources": event.resources,
        }
        if event.time is not None:
            entry["Time"] = event.time
        answer = self._events.put_events(Entries=[entry])
        return answer["Entries"][0].get("ErrorCode", "refused") if answer["FailedEntryCount"] else None

    def _settle_notice(self, event: dead_letter.Event, row: Callable[..., list[Row]]) -> tuple[bool, list[Row]]:
        """The order itself tells whether its event can be published by now."""
        if event.order is None:
            return False, row("left: names no order")
        if self._options.dry:
            return False, row("would ask the order again")
        outcome = self._republish([event.order])[event.order]
        if outcome["outcome"] in {"NothingToPublish", "Published"}:
            return True, row(_said(outcome))
        return False, row(f"left: mend the order, then run this again ({outcome['outcome']})")

    def _republish_stretch(self, message: Mapping[str, Any]) -> tuple[bool, list[Row]]:
        """Has the orders of a stretch of the stream publish again; whether nothing is left to do."""
        try:
            record = json.loads(message["Body"])
            stretch = record["DDBStreamBatchInfo"]
            reason = str(record["requestContext"]["condition"])
            orders, found = self._orders_of(stretch)
        except (KeyError, TypeError, ValueError, botocore.exceptions.ParamValidationError) as error:
            reason = f"{type(error).__name__}: {error}"
            return False, [Row("RelayDeadLetterQueue", "", "", reason, "left: points to no records")]
        rows = self._rows("RelayDeadLetterQueue", f"{reason}, {found}", orders)
        return not any(row.failed for row in rows), rows or [
            Row("RelayDeadLetterQueue", "", "", f"{reason}, {found}", "no order is left to publish")
        ]

    def _republish_stuck(self, age: timedelta) -> Iterator[Row]:
        """Has those orders publish again whose event is out for so long that it must be lost."""
        before = _stored(datetime.now(UTC) - age)
        orders = self._scan(
            "#event.#time < :before AND OrderStatus <> :rejected",
            {":before": before, ":rejected": "Rejected"},
            {"#event": "Event", "#time": "Time"},
        )
        yield from self._rows("", f"carries an event since before {before}", orders)

    def _orders_of(self, stretch: Mapping[str, str]) -> tuple[list[str], str]:
        """The orders of a stretch of the stream that called for an event, and where they were found."""
        try:
            return list(dict.fromkeys(self._records(stretch))), "in the stream"
        except LookupError:
            pass
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
        # Rejected orders keep their event for good: only those of that time count.
        first, last = (
            datetime.fromisoformat(stretch[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last")
        )
        orders = self._scan(
            "attribute_exists(#event) AND (OrderStatus <> :rejected OR UpdatedAt BETWEEN :first AND :last)",
            {
                ":rejected": "Rejected",
                ":first": _stored(first - CLOCK_TOLERANCE),
                ":last": _stored(last + CLOCK_TOLERANCE),
            },
            {"#event": "Event"},
        )
        return orders, "in the table"

    def _records(self, stretch: Mapping[str, str]) -> Iterator[str]:
        """The order of each record of a stretch that carries an event; a LookupError if its end is not found."""
        last = int(stretch["endSequenceNumber"])
        position = self._streams.get_shard_iterator(
            StreamArn=stretch["streamArn"],
            ShardId=stretch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=stretch["startSequenceNumber"],
        )["ShardIterator"]
        empty = 0
        while position and empty < EMPTY_ANSWERS:
            answer = self._streams.get_records(ShardIterator=position)
            empty = 0 if answer["Records"] else empty + 1
            for record in answer["Records"]:
                change = record["dynamodb"]
                if int(change["SequenceNumber"]) > last:
                    return
                if "Event" in change.get("NewImage", {}):
                    yield change["Keys"]["OrderId"]["S"]
                if int(change["SequenceNumber"]) == last:
                    return
            position = answer.get("NextShardIterator")
        raise LookupError(f"no record {last} in {stretch['shardId']}")

    def _scan(self, condition: str, values: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
        pages = self._tables.get_paginator("scan").paginate(
            TableName=self._outputs["OrdersTableName"],
            FilterExpression=condition,
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            ExpressionAttributeNames=dict(names),
            ProjectionExpression="OrderId",
            ConsistentRead=True,
        )
        return [item["OrderId"]["S"] for page in pages for item in page["Items"]]

    def _rows(self, queue: str, reason: str, orders: list[str]) -> list[Row]:
        """Has orders publish again; what was done for each."""
        if self._options.dry:
            return [Row(queue, "", order, reason, "would publish what it carries") for order in orders]
        outcomes = self._republish(orders)
        return [
            Row(
                queue,
                outcome.get("eventType", ""),
                order,
                reason,
                _said(outcome),
                outcome["outcome"] not in SETTLED,
            )
            for order, outcome in outcomes.items()
        ]

    def _republish(self, orders: list[str]) -> dict[str, dict[str, str]]:
        """Asks OrderServiceFunction to publish again what orders carry; the outcome for each."""
        outcomes = {order: {"outcome": "UnreadableId"} for order in orders}
        readable = [order for order in orders if ORDER_ID.fullmatch(order)]
        for begin in range(0, len(readable), MAX_ORDERS):
            request = {"republish": {"orderIds": readable[begin : begin + MAX_ORDERS]}}
            answer = self._functions.invoke(
                FunctionName=self._outputs["OrderServiceFunctionName"], Payload=json.dumps(request)
            )
            report = json.load(answer["Payload"])
            if "FunctionError" in answer:
                raise FunctionError(f"OrderServiceFunction failed: {report}")
            outcomes |= {order["orderId"]: order for order in report["orders"]}
        return outcomes


def _said(outcome: Mapping[str, str]) -> str:
    """An outcome in words."""
    words = {
        "NothingToPublish": "nothing to publish any more",
        "Published": "published again",
        "UnknownOrder": "there is no such order",
    }
    kind = outcome["outcome"]
    reason = f" ({outcome['errorType']}: {outcome['reason']})" if "reason" in outcome else ""
    return words.get(kind, f"left: {kind}{reason}")


def _stored(moment: datetime) -> str:
    """A time as the table has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _show(rows: list[Row]) -> None:
    if not rows:
        print("Nothing to redrive")
        return
    table = [COLUMNS, *((row.queue, row.event, row.order, row.reason, row.done) for row in rows)]
    cells = [[_cut(cell) for cell in line] for line in table]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def options(arguments: list[str]) -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description="Puts back what ended in the dead-letter queues.")
    parser.add_argument("stack", nargs="*", metavar="STACK", help="a stack on AWS; without, the local one")
    parser.add_argument("--dry", action="store_true", help="only show what would be done")
    parser.add_argument("--all", action="store_true", help="also put back what is sure to come back")
    parser.add_argument(
        "--stuck", type=int, metavar="SECONDS", help="also the orders that carry an event for longer than this"
    )
    parser.add_argument("--local-stack", type=Path, default=seed.LOCAL_STACK, metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
