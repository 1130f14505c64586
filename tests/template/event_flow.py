"""Checks of the path of events, from the stream over the bus to the functions and queues."""

import json
from collections.abc import Iterator

from template import (
    CONSUMER,
    EVENT_SOURCE_MAPPING,
    INVOKE_CONFIG,
    ORDER_EVENT_RULE,
    PERMISSION,
    QUEUE_POLICY,
    RULE,
    UNHANDLED_EVENT_RULE,
    Resources,
    find_by_type,
    get_at,
    get_logical_id,
)


def check_rule_targets(resources: Resources) -> Iterator[str]:
    """Checks that one rule sends order events to the consumer and one sends all other events to the queue."""
    targets = {
        name: [get_logical_id(target["Arn"]) for target in properties.get("Targets", [])]
        for name, properties in find_by_type(resources, RULE)
    }
    if targets != {ORDER_EVENT_RULE: [CONSUMER], UNHANDLED_EVENT_RULE: ["DeadLetterQueue"]}:
        yield f"the targets of the rules are {targets}"
    # Exactly one rule matches each detail-type, except OrderRejected, which is for other consumers.
    handled = get_at(resources, (ORDER_EVENT_RULE, "Properties", "EventPattern", "detail-type")) or []
    unhandled = get_at(resources, (UNHANDLED_EVENT_RULE, "Properties", "EventPattern", "detail-type"))
    if unhandled != [{"anything-but": [*handled, "OrderRejected"]}]:
        yield f"{UNHANDLED_EVENT_RULE} does not match exactly the events that {ORDER_EVENT_RULE} does not match"
    target = get_at(resources, (ORDER_EVENT_RULE, "Properties", "Targets", 0)) or {}
    if target.get("RetryPolicy") != {"MaximumRetryAttempts": 100, "MaximumEventAgeInSeconds": 3600}:
        yield f"{ORDER_EVENT_RULE} does not retry for an hour"
    if get_logical_id(get_at(target, ("DeadLetterConfig", "Arn"))) != "DeadLetterQueue":
        yield f"{ORDER_EVENT_RULE} does not keep undeliverable events"


def check_invokers(resources: Resources) -> Iterator[str]:
    """Checks that only the order event rule may invoke the consumer and only this API may invoke functions."""
    rule = {"Fn::GetAtt": [ORDER_EVENT_RULE, "Arn"]}
    rule_permissions = 0
    for name, properties in find_by_type(resources, PERMISSION):
        match properties.get("Principal"):
            case "events.amazonaws.com":
                rule_permissions += 1
                if get_logical_id(properties["FunctionName"]) != CONSUMER or properties.get("SourceArn") != rule:
                    yield f"{name} allows another rule, or the invocation of another function"
            case "apigateway.amazonaws.com":
                _, variables = get_at(properties, ("SourceArn", "Fn::Sub")) or ("", {})
                if get_at(variables, ("__ApiId__",)) != {"Ref": "Api"}:
                    yield f"{name} allows another API"
            case principal:
                yield f"{name} allows {principal}"
    if rule_permissions != 1:
        yield f"{rule_permissions} permissions allow a rule to invoke {CONSUMER}"


def check_queue_senders(resources: Resources) -> Iterator[str]:
    """Checks that only the two rules may send to DeadLetterQueue, and no service to RelayDeadLetterQueue."""
    rules = [{"Fn::GetAtt": [rule, "Arn"]} for rule in (ORDER_EVENT_RULE, UNHANDLED_EVENT_RULE)]
    expected = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
    }
    policies = [properties for _, properties in find_by_type(resources, QUEUE_POLICY)]
    statements = [(policy["Queues"], policy["PolicyDocument"]["Statement"]) for policy in policies]
    if statements != [([{"Ref": "DeadLetterQueue"}], [expected])]:
        yield f"the policies of the queues are {statements}"


def check_failure_destinations(resources: Resources) -> Iterator[str]:
    """Checks that the dead-letter queues keep failed asynchronous invocations and unpublished records."""
    configured = {
        get_logical_id(properties["FunctionName"]) for _, properties in find_by_type(resources, INVOKE_CONFIG)
    }
    if configured != {CONSUMER}:
        yield f"failed asynchronous invocations are kept for {configured}"
    for name, mapping in find_by_type(resources, EVENT_SOURCE_MAPPING):
        destination = get_at(mapping, ("DestinationConfig", "OnFailure", "Destination"))
        if get_logical_id(destination) != "RelayDeadLetterQueue":
            yield f"{name} does not keep unpublished records"


def check_stream_filter(resources: Resources) -> Iterator[str]:
    """Checks that the relay receives only orders with an event."""
    event = {"M": {"Id": {"S": [{"exists": True}]}}}
    expected = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"Event": event}}}
    for name, mapping in find_by_type(resources, EVENT_SOURCE_MAPPING):
        filters = get_at(mapping, ("FilterCriteria", "Filters")) or []
        patterns = [json.loads(criterion["Pattern"]) for criterion in filters]
        if patterns != [expected]:
            yield f"{name} has the filters {patterns}"
