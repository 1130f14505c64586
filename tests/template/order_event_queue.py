"""Checks of OrderEventQueue: events that met contention or an unavailable table."""

from collections.abc import Iterator
from typing import Any

from template import (
    ALARM,
    CONSUMER,
    CONSUMER_ALIAS,
    EVENTS_FAILED_ALARM,
    QUEUE_AGE_ALARM,
    Resources,
    build_sender_statement,
    get_at,
    get_properties,
    read_guide_section,
)

ORDER_EVENT_QUEUE = "OrderEventQueue"
BATCHES = "OrderEventBatches"
# Actions in a transaction.
MAX_ACTIONS = 100


def check_sender(resources: Resources) -> Iterator[str]:
    """Checks that only rules of the bus may send to the queue."""
    policy = get_properties(resources, "OrderEventQueuePolicy")
    statements = get_at(policy, ("PolicyDocument", "Statement"))
    if policy.get("Queues") != [{"Ref": ORDER_EVENT_QUEUE}] or statements != [
        build_sender_statement(ORDER_EVENT_QUEUE)
    ]:
        yield f"the policy of the queue is {policy}"


def check_queue(resources: Resources) -> Iterator[str]:
    """Checks that the queue is encrypted, and that the function decides how often an event is delivered."""
    expected = {
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 14 * 24 * 3600,
        "VisibilityTimeout": 6 * get_properties(resources, CONSUMER)["Timeout"],
        "RedrivePolicy": {
            "deadLetterTargetArn": {"Fn::GetAtt": ["OrderEventDeadLetterQueue", "Arn"]},
            "maxReceiveCount": 1000,
        },
    }
    yield from find_differences(get_properties(resources, ORDER_EVENT_QUEUE), expected)


def check_environment(resources: Resources) -> Iterator[str]:
    """Checks that the consumer knows the queues that it sends to."""
    variables = get_at(get_properties(resources, CONSUMER), ("Environment", "Variables")) or {}
    expected = {
        "ORDER_EVENT_QUEUE_URL": {"Ref": ORDER_EVENT_QUEUE},
        "DEAD_LETTER_QUEUE_URL": {"Ref": "DeadLetterQueue"},
    }
    yield from find_differences(variables, expected)


def check_batches(resources: Resources) -> Iterator[str]:
    """Checks that a batch fits into a transaction and that the consumer reports failures per message."""
    expected = {
        "EventSourceArn": {"Fn::GetAtt": [ORDER_EVENT_QUEUE, "Arn"]},
        "FunctionName": {"Ref": CONSUMER_ALIAS},
        "BatchSize": MAX_ACTIONS - 1,
        "MaximumBatchingWindowInSeconds": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }
    yield from find_differences(get_properties(resources, BATCHES), expected)


def check_queue_age_alarm(resources: Resources) -> Iterator[str]:
    """Checks that an alarm reports events that wait too long."""
    expected = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [ORDER_EVENT_QUEUE, "QueueName"]}}],
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 600,
        "TreatMissingData": "notBreaching",
    }
    yield from find_differences(get_properties(resources, QUEUE_AGE_ALARM), expected)
    yield from check_alarm(resources, QUEUE_AGE_ALARM)


def check_events_failed_alarm(resources: Resources) -> Iterator[str]:
    """Checks that an alarm reports failed events, which the function's Errors metric does not count in batches."""
    expected = {
        "Namespace": {"Ref": "AWS::StackName"},
        "MetricName": "EventsFailed",
        "Dimensions": [{"Name": "Service", "Value": "inventory-service"}],
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 5,
        "TreatMissingData": "notBreaching",
    }
    yield from find_differences(get_properties(resources, EVENTS_FAILED_ALARM), expected)
    yield from check_alarm(resources, EVENTS_FAILED_ALARM)


def check_alarm(resources: Resources, name: str) -> Iterator[str]:
    """Checks that an alarm has actions and a heading in the operations guide."""
    if get_at(resources, (name, "Type")) != ALARM or "AlarmActions" not in get_properties(resources, name):
        yield f"{name} has no actions"
    if f"### {name}\n" not in read_guide_section("Alarms"):
        yield f"{name} is not in the operations guide"


def find_differences(actual: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    """Yields a line for each member that differs. Additional members are allowed."""
    for name, value in expected.items():
        if actual.get(name) != value:
            yield f"{name} is {actual.get(name)!r}"
