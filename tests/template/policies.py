"""Checks of roles and policies: least privilege."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from template import (
    FUNCTION,
    ROLE,
    USER_POOL,
    Resources,
    find_by_type,
    format_reference,
    get_at,
    get_logical_id,
    wrap_in_list,
)

# The only statement on all resources: X-Ray's write actions do not support resource ARNs.
TRACING = {
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",
}
TRACING_POLICY = "Tracing"
# The sources of the events that each policy lets its holder put on the bus.
EVENT_SOURCES = {
    "OrderServiceRole.Relay": ["ecommerce.order"],
    "InventoryServiceRole.Relay": ["ecommerce.inventory"],
    "CustomEventBus": ["ecommerce.order", "ecommerce.warehouse"],
}

_LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
_READING_STREAM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
_TRACED = {"*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}}

# The actions that each function performs, by resource.
USED_ACTIONS: dict[str, dict[str, set[str]]] = {
    "HelloWorldFunction": {"HelloWorldLogs.Arn": _LOGGING} | _TRACED,
    "OrderServiceFunction": {
        "OrderServiceLogs.Arn": _LOGGING,
        "OrdersTable.Arn": {
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        },
        "${OrdersTable.Arn}/index/CustomerOrders": {"dynamodb:Query"},
        "${OrdersTable.Arn}/index/OrdersToShip": {"dynamodb:Query"},
        "CustomersTable.Arn": {
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
        },
        "ProductsTable.Arn": {
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Scan",
        },
        "OrdersTable.StreamArn": _READING_STREAM,
        "CustomEventBus.Arn": {"events:PutEvents"},
        "RelayDeadLetterQueue.Arn": {"sqs:SendMessage"},
    }
    | _TRACED,
    "InventoryServiceFunction": {
        "InventoryServiceLogs.Arn": _LOGGING,
        "OrdersTable.Arn": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "InventoryTable.Arn": {
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        },
        "${InventoryTable.Arn}/index/InventoryLists": {"dynamodb:Query"},
        "InventoryTable.StreamArn": _READING_STREAM,
        "CustomEventBus.Arn": {"events:PutEvents"},
        "ProductsTable.Arn": {"dynamodb:ConditionCheckItem", "dynamodb:GetItem"},
        "OrderEventQueue.Arn": {
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        },
        "DeadLetterQueue.Arn": {"sqs:SendMessage"},
        "RelayDeadLetterQueue.Arn": {"sqs:SendMessage"},
    }
    | _TRACED,
}


def check_no_wildcards(resources: Resources) -> Iterator[str]:
    """Checks that no policy allows all actions, all resources or all principals."""
    for place, statement in _list_statements(resources):
        if place.endswith(f".{TRACING_POLICY}") and statement == TRACING:
            continue
        for key in ("Action", "Resource", "Principal"):
            if "*" in json.dumps(statement.get(key)):
                yield f"{place} has a wildcard in {key}: {statement[key]}"
        for key in ("NotAction", "NotResource", "NotPrincipal"):
            if key in statement:
                yield f"{place} has a {key}"


def check_no_managed_policies(resources: Resources) -> Iterator[str]:
    """Checks that all policies of a role are inline."""
    for name, properties in find_by_type(resources, ROLE):
        if properties.get("ManagedPolicyArns"):
            yield f"{name} includes {properties['ManagedPolicyArns']}"
    for resource_type in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        for name, _ in find_by_type(resources, resource_type):
            yield f"{name} is a policy outside of a role"


def check_roles(resources: Resources) -> Iterator[str]:
    """Checks that each function has its own role, which only Lambda can assume."""
    users = Counter(get_logical_id(properties["Role"]) for _, properties in find_by_type(resources, FUNCTION))
    for name, properties in find_by_type(resources, ROLE):
        if users.pop(name, 0) != 1:
            yield f"{name} is not the role of exactly one function"
        trusted = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        if get_at(properties, ("AssumeRolePolicyDocument", "Statement")) != [trusted]:
            yield f"{name} can be assumed by a principal other than Lambda"
    for name in users:
        yield f"{name} is not a role of this template"


def check_exact_permissions(resources: Resources) -> Iterator[str]:
    """Checks that each function may perform the actions that it uses and no others."""
    functions = dict(find_by_type(resources, FUNCTION))
    for name in functions.keys() ^ USED_ACTIONS.keys():
        yield f"{name} is in only one of the template and the list of used actions"
    for name in functions.keys() & USED_ACTIONS.keys():
        allowed = list_allowed_actions(resources, get_logical_id(functions[name]["Role"]))
        for resource in allowed.keys() | USED_ACTIONS[name].keys():
            expected, actual = USED_ACTIONS[name].get(resource, set()), allowed.get(resource, set())
            if expected != actual:
                yield f"{name} on {resource}: missing {expected - actual}, unused {actual - expected}"


def check_event_sources(resources: Resources) -> Iterator[str]:
    """Checks that each sender may put only events of its own sources on the bus."""
    for place, statement in _list_statements(resources):
        if "events:PutEvents" not in wrap_in_list(statement.get("Action", [])):
            continue
        sources = get_at(statement, ("Condition", "ForAllValues:StringEquals", "events:source"))
        if sources != EVENT_SOURCES.get(place):
            yield f"{place} may send events of {sources}"


def list_allowed_actions(resources: Resources, role: str) -> dict[str, set[str]]:
    """Returns the actions that a role allows, by resource."""
    properties = get_at(resources, (role, "Properties")) or {}
    allowed: dict[str, set[str]] = {}
    for policy in properties.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            for resource in wrap_in_list(statement["Resource"]):
                allowed.setdefault(format_reference(resource), set()).update(wrap_in_list(statement["Action"]))
    return allowed


def _list_statements(resources: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each statement of each policy with the name of its policy."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        # The policies of a user pool are rules for passwords.
        policies = [] if resource["Type"] == USER_POOL else properties.get("Policies", [])
        inline = [(f"{name}.{policy['PolicyName']}", policy) for policy in policies]
        for place, policy in [*inline, (name, properties)]:
            for document in ("PolicyDocument", "AssumeRolePolicyDocument", "Policy", "KeyPolicy"):
                for statement in wrap_in_list(get_at(policy, (document, "Statement")) or []):
                    yield place, statement
        # The policy of an event bus has its statement without a document.
        for statement in wrap_in_list(properties.get("Statement", [])):
            yield name, statement
