"""Republishes the events that orders still have, by requests to OrderServiceFunction."""

import json
import re
from collections.abc import Mapping
from typing import Any

# The limit of the function for one request.
MAX_ORDERS = 100
ORDER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Outcomes that need no further attempt.
SETTLED = {"NothingToPublish", "Published", "UnknownOrder"}
DESCRIPTIONS = {
    "InvalidId": "left: the order id is invalid",
    "NotAccepted": "left: EventBridge did not accept the event",
    "NothingToPublish": "nothing to publish",
    "Published": "published again",
    "UnknownOrder": "no such order",
    "Unpublishable": "left: the event cannot be built",
}


class FunctionError(Exception):
    """A failed invocation of OrderServiceFunction."""


class Republisher:
    """A client of OrderServiceFunction."""

    def __init__(self, functions: Any, function_name: str) -> None:
        """Stores the Lambda client and the name of the function."""
        self._functions = functions
        self._function_name = function_name

    def republish(self, order_ids: list[str]) -> dict[str, dict[str, str]]:
        """Republishes the events of orders and returns the outcome for each order."""
        outcomes = {order_id: {"outcome": "InvalidId"} for order_id in order_ids}
        valid_ids = [order_id for order_id in order_ids if ORDER_ID.fullmatch(order_id)]
        for begin in range(0, len(valid_ids), MAX_ORDERS):
            request = {"republish": {"orderIds": valid_ids[begin : begin + MAX_ORDERS]}}
            response = self._functions.invoke(FunctionName=self._function_name, Payload=json.dumps(request))
            report = json.load(response["Payload"])
            if "FunctionError" in response:
                raise FunctionError(f"OrderServiceFunction failed: {report}")
            outcomes |= {order["orderId"]: order for order in report["orders"]}
        return outcomes


def describe_outcome(outcome: Mapping[str, str]) -> str:
    """Describes the outcome for an order."""
    kind = outcome["outcome"]
    reason = f" ({outcome['errorType']}: {outcome['reason']})" if "reason" in outcome else ""
    return DESCRIPTIONS.get(kind, f"left: {kind}") + reason
