"""Republishes the events of orders and the stock of products, by requests to their functions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stack_target import ALIAS

# The limit of the functions for one request.
MAX_IDS = 100
ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Outcomes that need no further attempt.
SETTLED = {"NothingToPublish", "Published", "UnknownOrder", "UnknownProduct"}
DESCRIPTIONS = {
    "InvalidId": "left: the id is invalid",
    "NotAccepted": "left: EventBridge did not accept the event",
    "NothingToPublish": "nothing to publish",
    "Published": "published again",
    "UnknownOrder": "no such order",
    "UnknownProduct": "no such product",
    "Unpublishable": "left: the event cannot be built",
}


@dataclass(frozen=True)
class Subject:
    """What a request names, and where the response has the outcomes."""

    request_field: str
    response_field: str
    id_field: str


ORDERS = Subject("orderIds", "orders", "orderId")
PRODUCTS = Subject("productIds", "products", "productId")


class FunctionError(Exception):
    """A failed invocation of a function."""


class Republisher:
    """A client of the function that publishes the events of a subject."""

    def __init__(self, functions: Any, function_name: str, subject: Subject) -> None:
        """Stores the Lambda client, the name of the function and its subject."""
        self._functions = functions
        self._function_name = function_name
        self._subject = subject

    def republish(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """Republishes the events of orders or products and returns the outcome for each id."""
        outcomes: dict[str, dict[str, Any]] = {each: {"outcome": "InvalidId"} for each in ids}
        valid_ids = [each for each in ids if ID.fullmatch(each)]
        for begin in range(0, len(valid_ids), MAX_IDS):
            request = {"republish": {self._subject.request_field: valid_ids[begin : begin + MAX_IDS]}}
            response = self._functions.invoke(
                FunctionName=self._function_name, Qualifier=ALIAS, Payload=json.dumps(request)
            )
            report = json.load(response["Payload"])
            if "FunctionError" in response:
                raise FunctionError(f"{self._function_name} failed: {report}")
            outcomes |= {result[self._subject.id_field]: result for result in report[self._subject.response_field]}
        return outcomes


def describe_outcome(outcome: Mapping[str, Any]) -> str:
    """Describes the outcome for an order or a product."""
    kind = outcome["outcome"]
    reason = f" ({outcome['errorType']}: {outcome['reason']})" if "reason" in outcome else ""
    return DESCRIPTIONS.get(kind, f"left: {kind}") + reason


def list_event_types(outcome: Mapping[str, Any]) -> str:
    """Returns the detail-types of the events that were published."""
    return ", ".join(outcome.get("eventTypes", [outcome.get("eventType", "")]))
