"""A second route of order events in a test: through OrderEventQueue, in addition to the rule's own target.

Local engines do not simulate contention, so no event would take this route by itself.
"""

import time
from typing import Any

from stack_target import ClientFactory

# A killed batch is delivered again after this time, instead of the three minutes of the template.
VISIBILITY_TIMEOUT = 5
EMPTY_WITHIN_SECONDS = 120


class QueueRoute:
    """OrderEventQueue of a stack as a second target of OrderEventRule."""

    def __init__(self, create_client: ClientFactory, stack: str, bus: str) -> None:
        """Finds the queue and the rule of a stack."""
        self._sqs = create_client("sqs")
        self._events = create_client("events")
        self._bus = bus
        cloudformation = create_client("cloudformation")
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        self._url = ids["OrderEventQueue"]
        # The physical id of a rule of a custom bus is `bus|rule`.
        self._rule = ids["OrderEventRule"].rpartition("|")[2]

    def add(self) -> None:
        """Adds the queue as a target, so that each event arrives directly and through the queue."""
        attributes = {"VisibilityTimeout": str(VISIBILITY_TIMEOUT)}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes=attributes)
        target = {"Id": "OrderEventQueue", "Arn": self._read("QueueArn")}
        response = self._events.put_targets(Rule=self._rule, EventBusName=self._bus, Targets=[target])
        if response["FailedEntryCount"]:
            raise RuntimeError(f"the rule has no second target: {response}")

    def count_messages(self) -> int:
        """Returns the number of messages that wait or are in flight."""
        return int(self._read("ApproximateNumberOfMessages")) + int(self._read("ApproximateNumberOfMessagesNotVisible"))

    def wait_until_empty(self) -> int:
        """Waits until the queue is empty, and returns the number of remaining messages."""
        limit = time.monotonic() + EMPTY_WITHIN_SECONDS
        while (remaining := self.count_messages()) and time.monotonic() < limit:
            time.sleep(1)
        return remaining

    def _read(self, attribute: str) -> Any:
        response = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])
        return response["Attributes"][attribute]
