"""A client of the API that retries until it gets a response."""

import json
import random
import time
import urllib.error
import urllib.request
from typing import Any

RESPONSE_TIMEOUT_SECONDS = 10
MAX_ATTEMPTS = 50
MAX_PAUSE_SECONDS = 0.5


class UnexpectedResponseError(Exception):
    """A response that the API must not send, or no response after all attempts."""


class ApiClient:
    """A client with an idempotency key."""

    def __init__(self, api_url: str, key: str, seed: int) -> None:
        """Stores the URL of the API and the idempotency key."""
        self._api_url = api_url
        self._key = key
        self._random = random.Random(seed)  # noqa: S311
        self._retries = 0

    def _create(self, path: str, body: Any, id_name: str, repeat_probability: float) -> tuple[str, bool]:
        """Creates a resource, repeats the request at random and returns the id and whether it was repeated."""
        created_id = str(self._send_until_answered(path, body, {201})[id_name])
        repeated = self._random.random() < repeat_probability
        if repeated:
            repeated_id = self._send_until_answered(path, body, {201})[id_name]
            if repeated_id != created_id:
                raise UnexpectedResponseError(f"key {self._key} created {created_id} and {repeated_id}")
        return created_id, repeated

    def _send_until_answered(self, path: str, body: Any, expected: set[int]) -> dict[str, Any]:
        """Sends a request until the response has an expected status, and returns the response."""
        response = None
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                self._retries += 1
                time.sleep(self._random.uniform(0, MAX_PAUSE_SECONDS))
            status, response = self._send(path, body)
            if status in expected:
                return dict(response)
            if status is not None and status < 500:
                break
        raise UnexpectedResponseError(f"{path} with key {self._key}: unexpected response {response}")

    def _send(self, path: str, body: Any) -> tuple[int | None, Any]:
        """Sends a request and returns the status and body of the response. Without a response, the status is None."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": self._key}
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api_url + path, data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT_SECONDS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            # A body that is not JSON comes from the emulator and not from a function.
            return error.code, json.loads(text) if text.startswith("{") else text
        except (OSError, ValueError) as error:
            return None, str(error)
