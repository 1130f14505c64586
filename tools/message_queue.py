"""Reads each message of an SQS queue once."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

# SQS shows a message again after this time if the program ends without returning it.
HIDDEN_SECONDS = 300
BATCH_SIZE = 10


class MessageQueue:
    """The messages of a queue at the time of reading.

    As a context manager, it makes messages that were not deleted visible again.
    """

    def __init__(self, sqs: Any, url: str) -> None:
        """Stores the client and the URL of the queue."""
        self._sqs = sqs
        self._url = url
        # Receipt handles of the messages that were received and not deleted, by message id.
        self._hidden: dict[str, str] = {}

    def __enter__(self) -> "MessageQueue":
        """Starts reading."""
        return self

    def __exit__(self, *_: object) -> None:
        """Makes the remaining messages visible again."""
        for receipt in self._hidden.values():
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def read_messages(self) -> Iterator[dict[str, Any]]:
        """Yields each message once.

        A message that arrives later is skipped: it may be an event that was put back and failed again.
        """
        started = time.time() * 1000
        seen: set[str] = set()
        while messages := self._receive_batch():
            self._hidden |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            for message in messages:
                if message["MessageId"] in seen:
                    return
                seen.add(message["MessageId"])
                if int(message["Attributes"]["SentTimestamp"]) <= started:
                    yield message

    def delete(self, message: Mapping[str, Any]) -> None:
        """Deletes a message."""
        receipt = self._hidden.pop(message["MessageId"])
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)

    def _receive_batch(self) -> list[dict[str, Any]]:
        response = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_SIZE,
            # Long polling asks all servers of the queue, short polling only some of them.
            WaitTimeSeconds=1,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return list(response.get("Messages", []))
