"""Checks of the template with FulfillmentQueue=on: a queue of confirmed orders for a warehouse."""

from collections.abc import Iterator

from order_event_queue import check_alarm, find_differences
from template import (
    TO_SHIP_AGE_ALARM,
    TO_SHIP_DEPTH_ALARM,
    Resources,
    build_sender_statement,
    get_at,
    get_properties,
)

RULE = "FulfillmentRule"
TO_SHIP = "OrdersToShipQueue"
TO_SHIP_DEAD_LETTERS = "OrdersToShipDeadLetterQueue"
FULFILLMENT_RESOURCES = {
    RULE,
    TO_SHIP,
    f"{TO_SHIP}Policy",
    TO_SHIP_DEAD_LETTERS,
    f"{TO_SHIP_DEAD_LETTERS}Policy",
    TO_SHIP_AGE_ALARM,
    TO_SHIP_DEPTH_ALARM,
}


def check_rule(resources: Resources) -> Iterator[str]:
    """Checks that the rule sends confirmed orders to the queue and keeps undeliverable ones."""
    rule = get_properties(resources, RULE)
    if rule.get("EventPattern") != {"source": ["ecommerce.order"], "detail-type": ["OrderConfirmed"]}:
        yield f"the rule matches {rule.get('EventPattern')}"
    target = {
        "Id": TO_SHIP,
        "Arn": {"Fn::GetAtt": [TO_SHIP, "Arn"]},
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [TO_SHIP_DEAD_LETTERS, "Arn"]}},
    }
    if rule.get("Targets") != [target]:
        yield f"the targets are {rule.get('Targets')}"


def check_to_ship_queues(resources: Resources) -> Iterator[str]:
    """Checks that both queues are encrypted, and that messages which fail five times are kept."""
    kept = {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 24 * 3600}
    dead_letters = {"Fn::GetAtt": [TO_SHIP_DEAD_LETTERS, "Arn"]}
    redriven = {"RedrivePolicy": {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5}}
    yield from find_differences(get_properties(resources, TO_SHIP), kept | redriven)
    yield from find_differences(get_properties(resources, TO_SHIP_DEAD_LETTERS), kept)


def check_to_ship_senders(resources: Resources) -> Iterator[str]:
    """Checks that only rules of the bus may send to the queues, and that the rule waits for this."""
    if get_at(resources, (RULE, "DependsOn")) != [f"{queue}Policy" for queue in (TO_SHIP, TO_SHIP_DEAD_LETTERS)]:
        yield f"{RULE} can have its target before the policies"
    for queue in (TO_SHIP, TO_SHIP_DEAD_LETTERS):
        policy = get_properties(resources, f"{queue}Policy")
        statements = get_at(policy, ("PolicyDocument", "Statement"))
        if policy.get("Queues") != [{"Ref": queue}] or statements != [build_sender_statement(queue)]:
            yield f"the policy of {queue} is {policy}"


def check_to_ship_alarms(resources: Resources) -> Iterator[str]:
    """Checks that alarms report orders that wait for a day and orders that the warehouse cannot process."""
    for alarm, queue, metric, threshold in (
        (TO_SHIP_AGE_ALARM, TO_SHIP, "ApproximateAgeOfOldestMessage", 24 * 3600),
        (TO_SHIP_DEPTH_ALARM, TO_SHIP_DEAD_LETTERS, "ApproximateNumberOfMessagesVisible", 0),
    ):
        expected = {
            "Namespace": "AWS/SQS",
            "MetricName": metric,
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}],
            "Statistic": "Maximum",
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
        }
        yield from find_differences(get_properties(resources, alarm), expected)
        yield from check_alarm(resources, alarm)
