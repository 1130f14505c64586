"""What a message of the dead-letter queue says.

The queue takes messages of four makes, each with an event of the bus in it:

- Lambda's record of an invocation that failed for good, with the event as requestPayload:
  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
- of the same shape, what UnhandledEventRule sends of an event that no other rule takes;
- the bare event, which EventBridge could not deliver, with the reason as message attributes:
  https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
- the bare event without a reason, which OrderEventQueue has handed out too often:
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SOURCE = "ecommerce.order"
# The relay says so of an order whose event it cannot publish.
UNPUBLISHABLE = "OrderEventUnpublishable"
# These would come straight back.
PERMANENT = {"IllegalTransition", "MalformedEvent", "UnhandledDetailType", "UnknownVersion", "UnsupportedTrigger"}

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Event:
    """An event of the bus. Its detail is text, so that no digit of a number gets lost."""

    source: str
    detail_type: str
    detail: str
    resources: list[str]
    time: datetime | None

    @property
    def order(self) -> str | None:
        """The order that it is about, if it says so."""
        detail = json.loads(self.detail)
        order = detail.get("orderId") if isinstance(detail, dict) else None
        return order if isinstance(order, str) else None


@dataclass(frozen=True)
class DeadLetter:
    """An event, if the message holds one, and why it is in the queue."""

    event: Event | None
    error_type: str
    reason: str

    @property
    def is_notice(self) -> bool:
        """Whether it tells of an order whose event cannot be published."""
        return self.event is not None and self.event.source == SOURCE and self.event.detail_type == UNPUBLISHABLE


def read(message: Mapping[str, Any]) -> DeadLetter:
    """Reads a message as SQS hands it out."""
    try:
        body = _members(message["Body"])
    except ValueError as error:
        return DeadLetter(None, "Unreadable", str(error))
    if "detail-type" in body:
        attributes = message.get("MessageAttributes", {})
        code, text = (attributes.get(name, {}).get("StringValue", "") for name in ("ERROR_CODE", "ERROR_MESSAGE"))
        return DeadLetter(_event(message["Body"]), code, text)
    answer, context = (json.loads(body.get(name, "null")) or {} for name in ("responsePayload", "requestContext"))
    error_type = answer.get("errorType") or context.get("condition") or ""
    letter = DeadLetter(_event(body.get("requestPayload", "null")), error_type, answer.get("errorMessage") or "")
    return _of_notice(letter) if letter.is_notice else letter


def _of_notice(letter: DeadLetter) -> DeadLetter:
    """A notice brings its own reason."""
    assert letter.event is not None
    detail = json.loads(letter.event.detail)
    return DeadLetter(letter.event, str(detail.get("errorType", "")), str(detail.get("reason", "")))


def _event(text: str) -> Event | None:
    try:
        envelope = _members(text)
        return Event(
            source=_text(envelope["source"]),
            detail_type=_text(envelope["detail-type"]),
            detail=envelope["detail"],
            resources=[str(resource) for resource in json.loads(envelope.get("resources", "[]"))],
            time=datetime.fromisoformat(_text(envelope["time"])) if "time" in envelope else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _text(value: str) -> str:
    text = json.loads(value)
    if not isinstance(text, str):
        raise TypeError(f"{value} is no text")
    return text


def _members(text: str) -> dict[str, str]:
    """The members of a JSON object, each value as its text stands."""
    if not isinstance(json.loads(text), dict):
        raise ValueError("not a JSON object")
    members = {}
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        members[name] = text[begin:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return members


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
