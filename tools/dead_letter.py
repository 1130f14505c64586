"""Messages of DeadLetterQueue.

The queue receives five kinds of messages. Each contains an event of the bus:

- Lambda's record of an invocation that failed permanently, with the event as requestPayload:
  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- a message of the same format from InventoryServiceFunction, for an event of OrderEventQueue that
  it could not apply
- a message of the same format from a rule for unhandled events, for an event that no
  other rule matches
- the bare event that EventBridge could not deliver, with the reason in message attributes:
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
- the bare event without a reason that OrderEventQueue delivered too often:
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SOURCE = "ecommerce.order"
# The source of events about deliveries to the warehouse.
WAREHOUSE_SOURCE = "ecommerce.warehouse"
# The source of events about stock, which no function here consumes.
INVENTORY_SOURCE = "ecommerce.inventory"
# The detail-types of the relays' reports about an order or a product whose event cannot be published.
UNPUBLISHABLE = "OrderEventUnpublishable"
STOCK_UNPUBLISHABLE = "InventoryEventUnpublishable"
# Events with these error types would fail again.
PERMANENT = {
    "IllegalTransition",
    "MalformedEvent",
    "ReceiptReused",
    "UnhandledDetailType",
    "UnknownProduct",
    "UnknownVersion",
    "UnsupportedTrigger",
}

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Event:
    """An event of the bus. Its detail stays JSON text, which preserves every digit of its numbers."""

    source: str
    detail_type: str
    detail: str
    resources: list[str]
    time: datetime | None

    @property
    def order_id(self) -> str | None:
        """Id of the event's order, if the detail has one."""
        return self._find_id("orderId")

    @property
    def product_id(self) -> str | None:
        """Id of the event's product, if the detail has one."""
        return self._find_id("productId")

    def _find_id(self, field: str) -> str | None:
        detail = json.loads(self.detail)
        value = detail.get(field) if isinstance(detail, dict) else None
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class DeadLetter:
    """The event in a message, if there is one, and the reason for the message."""

    event: Event | None
    error_type: str
    reason: str

    @property
    def reports_unpublishable_order(self) -> bool:
        """True for a report about an order whose event cannot be published."""
        return self._is_event(SOURCE, UNPUBLISHABLE)

    @property
    def reports_unpublishable_stock(self) -> bool:
        """True for a report about a product whose stock cannot be published."""
        return self._is_event(INVENTORY_SOURCE, STOCK_UNPUBLISHABLE)

    def _is_event(self, source: str, detail_type: str) -> bool:
        return self.event is not None and (self.event.source, self.event.detail_type) == (source, detail_type)


def parse_message(message: Mapping[str, Any]) -> DeadLetter:
    """Parses a message in the format of SQS."""
    try:
        body = _split_members(message["Body"])
    except ValueError as error:
        return DeadLetter(None, "Unreadable", str(error))
    if "detail-type" in body:
        attributes = message.get("MessageAttributes", {})
        code, text = (attributes.get(name, {}).get("StringValue", "") for name in ("ERROR_CODE", "ERROR_MESSAGE"))
        return DeadLetter(_parse_event(message["Body"]), code, text)
    response, context = (json.loads(body.get(name, "null")) or {} for name in ("responsePayload", "requestContext"))
    error_type = response.get("errorType") or context.get("condition") or ""
    event = _parse_event(body.get("requestPayload", "null"))
    letter = DeadLetter(event, error_type, response.get("errorMessage") or "")
    is_report = letter.reports_unpublishable_order or letter.reports_unpublishable_stock
    return _with_reported_reason(letter) if is_report else letter


def _with_reported_reason(letter: DeadLetter) -> DeadLetter:
    """Replaces the reason by the one in the detail of the relay's report."""
    assert letter.event is not None
    detail = json.loads(letter.event.detail)
    return DeadLetter(letter.event, str(detail.get("errorType", "")), str(detail.get("reason", "")))


def _parse_event(text: str) -> Event | None:
    try:
        envelope = _split_members(text)
        return Event(
            source=_parse_string(envelope["source"]),
            detail_type=_parse_string(envelope["detail-type"]),
            detail=envelope["detail"],
            resources=[str(resource) for resource in json.loads(envelope.get("resources", "[]"))],
            time=datetime.fromisoformat(_parse_string(envelope["time"])) if "time" in envelope else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _parse_string(value: str) -> str:
    text = json.loads(value)
    if not isinstance(text, str):
        raise TypeError(f"{value} is not a string")
    return text


def _split_members(text: str) -> dict[str, str]:
    """Splits a JSON object into its members, with the unparsed JSON text of each value."""
    if not isinstance(json.loads(text), dict):
        raise ValueError("not a JSON object")
    members = {}
    position = _skip_blanks(text, _skip_blanks(text, 0) + 1)
    while text[position] != "}":
        name, position = _DECODER.raw_decode(text, position)
        begin = _skip_blanks(text, _skip_blanks(text, position) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        members[name] = text[begin:end]
        position = _skip_blanks(text, end)
        if text[position] == ",":
            position = _skip_blanks(text, position + 1)
    return members


def _skip_blanks(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position
