"""Replays archived events of a stack to InventoryServiceFunction, and waits for the end.

python tools/replay.py FROM TO STACK      FROM and TO are times such as 2026-11-25T10:00:00Z

The events go to the rules of InventoryServiceFunction alone: a warehouse that listens to the bus gets
none of them again. An event that was applied has no effect, so a replay only completes what is missing.
"""

import argparse
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions
from stack_target import read_outputs, select_stack

POLL_SECONDS = 5
RUNNING = {"STARTING", "RUNNING", "CANCELLING"}
COMPLETED = "COMPLETED"


class ReplayError(Exception):
    """A replay that did not start or did not complete."""


def main(arguments: list[str]) -> int:
    """Runs a replay and returns the exit status."""
    parser = argparse.ArgumentParser(description="Replays archived events to InventoryServiceFunction.")
    parser.add_argument("start", metavar="FROM", type=parse_time, help="the time of the first event")
    parser.add_argument("end", metavar="TO", type=parse_time, help="the time of the last event")
    parser.add_argument("stack", metavar="STACK", help="a stack on AWS with an archive (ArchiveDays)")
    options = parser.parse_args(arguments)
    try:
        create_client, stack = select_stack([options.stack])
        outputs = read_outputs(create_client, stack)
        replay(create_client("events"), outputs, options.start, options.end)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ReplayError) as error:
        sys.exit(f"replay: {error}")
    return 0


def parse_time(text: str) -> datetime:
    """Parses a time. Without an offset, it is in UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def replay(events: Any, outputs: Mapping[str, str], start: datetime, end: datetime) -> None:
    """Replays the events of a time range, and waits until all of them are sent."""
    if "EventArchiveArn" not in outputs:
        raise ReplayError("the stack has no archive: deploy it with ArchiveDays=DAYS")
    if start >= end:
        raise ReplayError("FROM must be before TO")
    name = f"replay-{uuid.uuid4()}"
    events.start_replay(
        ReplayName=name,
        EventSourceArn=outputs["EventArchiveArn"],
        EventStartTime=start,
        EventEndTime=end,
        Destination={
            "Arn": outputs["EventBusArn"],
            "FilterArns": [outputs["OrderEventRuleArn"], outputs["StockEventRuleArn"]],
        },
    )
    while (description := events.describe_replay(ReplayName=name))["State"] in RUNNING:
        print(f"{name}: {description['State']}", flush=True)
        time.sleep(POLL_SECONDS)
    if description["State"] != COMPLETED:
        reason = description.get("StateReason", "no reason")
        raise ReplayError(f"{name} is {description['State']}: {reason}")
    print(f"{name}: all events are sent. Lambda applies them during the next minutes.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
