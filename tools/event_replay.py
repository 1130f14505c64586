"""A check of the end-to-end tests: the replay of all events of a busy shop changes nothing."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import replay
from emulator import Emulator, create_client
from stack import locate_stack_file, read_stack_outputs

ARCHIVE = "e2e"
REPLAYS = 2
# The events of the tests include at least these that a replay finds to be applied.
MIN_STALE_EVENTS = 10
TIMEOUT_SECONDS = 60
# The local AWS sends events without a pause, so they are all applied after this time without one.
QUIET_SECONDS = 5
STALE = '"outcome":"stale"'


class ReplayCheckError(Exception):
    """A replay that changed something, or that sent no events."""


def create_archive(emulator: Emulator) -> str:
    """Creates an archive like that of the template, which the local AWS cannot deploy, and returns its ARN."""
    response = create_client("events", emulator.endpoint).create_archive(
        ArchiveName=ARCHIVE,
        EventSourceArn=read_stack_outputs(emulator)["EventBusArn"],
        EventPattern='{"source":["ecommerce.order","ecommerce.warehouse"]}',
    )
    return str(response["ArchiveArn"])


def check_replays(emulator: Emulator, archive: str) -> None:
    """Replays every event twice and checks that no item of a table changes."""
    outputs = read_stack_outputs(emulator) | {"EventArchiveArn": archive}
    _wait_until_quiet(emulator)
    before = _read_tables(emulator, outputs)
    for _ in range(REPLAYS):
        stale = _count_stale_events(emulator)
        start, end = datetime.fromtimestamp(0, UTC), datetime.now(UTC)
        replay.replay(create_client("events", emulator.endpoint), outputs, start, end)
        _wait_until_quiet(emulator)
        replayed = _count_stale_events(emulator) - stale
        if replayed < MIN_STALE_EVENTS:
            raise ReplayCheckError(f"the replay sent only {replayed} events")
        if _read_tables(emulator, outputs) != before:
            raise ReplayCheckError("the replay changed an item")
    print(f"==> Replays of {replayed} events changed nothing", flush=True)


def _wait_until_quiet(emulator: Emulator) -> None:
    """Waits until no event was applied for some seconds."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    lines, quiet_since = -1, time.monotonic()
    while time.monotonic() < quiet_since + QUIET_SECONDS:
        if time.monotonic() > deadline:
            raise ReplayCheckError("events are still being applied")
        if (now := len(_read_log(emulator))) != lines:
            lines, quiet_since = now, time.monotonic()
        time.sleep(1)


def _count_stale_events(emulator: Emulator) -> int:
    return sum(STALE in line for line in _read_log(emulator))


def _read_log(emulator: Emulator) -> list[str]:
    """Returns the log lines of InventoryServiceFunction."""
    stack = json.loads(locate_stack_file(emulator).read_text())["stackName"]
    paginator = create_client("logs", emulator.endpoint).get_paginator("filter_log_events")
    pages = paginator.paginate(logGroupName=f"/aws/lambda/{stack}/inventory-service")
    return [event["message"] for page in pages for event in page["events"]]


def _read_tables(emulator: Emulator, outputs: dict[str, str]) -> dict[str, Any]:
    """Returns the items of the tables that events change."""
    paginator = create_client("dynamodb", emulator.endpoint).get_paginator("scan")
    items = {}
    for name in ("OrdersTableName", "InventoryTableName"):
        pages = paginator.paginate(TableName=outputs[name], ConsistentRead=True)
        items[name] = sorted((item for page in pages for item in page["Items"]), key=str)
    return items
