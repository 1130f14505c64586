"""Checks of the path of events, from the stream over the bus to the functions and queues."""

import json
from collections.abc import Iterator

from template import (
    ALIAS,
    CONSUMER,
    CONSUMER_ALIAS,
    EVENT_SOURCE_MAPPING,
    INVENTORY_STREAM,
    INVOKE_CONFIG,
    ORDER_EVENT_RULE,
    ORDER_STREAM,
    PERMISSION,
    QUEUE_POLICY,
    RULE,
    RULES_OF_THE_BUS,
    STOCK_EVENT_RULE,
    UNHANDLED_EVENT_RULE,
    UNHANDLED_STOCK_EVENT_RULE,
    UNHANDLED_WAREHOUSE_EVENT_RULE,
    Properties,
    Resources,
    build_sender_statement,
    find_by_type,
    get_at,
    get_logical_id,
)

# Records that a stream must deliver: orders with an event, and stock items. Items of the stock
# ledger have no revision.
STREAM_FILTERS = {
    ORDER_STREAM: {"Event": {"M": {"Id": {"S": [{"exists": True}]}}}},
    INVENTORY_STREAM: {"Revision": {"N": [{"exists": True}]}},
}
UNHANDLED_DEPENDENCIES = ["DeadLetterQueuePolicy", "UndeliveredEventQueuePolicy"]
# The permissions that must exist before the targets of each rule.
DEPENDENCIES = {
    ORDER_EVENT_RULE: ["OrderEventPermission", "DeadLetterQueuePolicy"],
    STOCK_EVENT_RULE: ["StockEventPermission", "DeadLetterQueuePolicy"],
    UNHANDLED_EVENT_RULE: UNHANDLED_DEPENDENCIES,
    UNHANDLED_STOCK_EVENT_RULE: UNHANDLED_DEPENDENCIES,
    UNHANDLED_WAREHOUSE_EVENT_RULE: UNHANDLED_DEPENDENCIES,
}
# The source and the known detail-types of each rule for unknown events about stock.
UNHANDLED_STOCK_EVENTS = {
    UNHANDLED_STOCK_EVENT_RULE: (
        "ecommerce.inventory",
        ["InventoryUpdated", "StockLow", "StockDepleted", "BackInStock"],
    ),
    UNHANDLED_WAREHOUSE_EVENT_RULE: ("ecommerce.warehouse", ["StockReceived"]),
}


def check_rule_targets(resources: Resources) -> Iterator[str]:
    """Checks that order and stock events go to the consumer, and unknown events to the queue."""
    targets = {
        name: [get_logical_id(target["Arn"]) for target in properties.get("Targets", [])]
        for name, properties in find_by_type(resources, RULE)
    }
    expected = {
        ORDER_EVENT_RULE: [CONSUMER_ALIAS],
        STOCK_EVENT_RULE: [CONSUMER_ALIAS],
        UNHANDLED_EVENT_RULE: ["DeadLetterQueue"],
        UNHANDLED_STOCK_EVENT_RULE: ["DeadLetterQueue"],
        UNHANDLED_WAREHOUSE_EVENT_RULE: ["DeadLetterQueue"],
    }
    if targets != expected:
        yield f"the targets of the rules are {targets}"
    # Exactly one rule matches each detail-type, except the types for other consumers.
    handled = get_at(resources, (ORDER_EVENT_RULE, "Properties", "EventPattern", "detail-type")) or []
    unhandled = get_at(resources, (UNHANDLED_EVENT_RULE, "Properties", "EventPattern", "detail-type"))
    if unhandled != [{"anything-but": [*handled, "OrderConfirmed", "OrderRejected"]}]:
        yield f"{UNHANDLED_EVENT_RULE} does not match exactly the events that {ORDER_EVENT_RULE} does not match"
    for rule, (source, known) in UNHANDLED_STOCK_EVENTS.items():
        pattern = get_at(resources, (rule, "Properties", "EventPattern"))
        if pattern != {"source": [source], "detail-type": [{"anything-but": known}]}:
            yield f"{rule} does not match exactly the unknown events of {source}"
    stock_events = {"source": ["ecommerce.warehouse"], "detail-type": ["StockReceived"]}
    if get_at(resources, (STOCK_EVENT_RULE, "Properties", "EventPattern")) != stock_events:
        yield f"{STOCK_EVENT_RULE} does not match exactly the events of a warehouse"
    for rule, rule_targets in expected.items():
        dead_letters = "DeadLetterQueue" if rule_targets == [CONSUMER_ALIAS] else "UndeliveredEventQueue"
        target = get_at(resources, (rule, "Properties", "Targets", 0)) or {}
        if target.get("RetryPolicy") != {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}:
            yield f"{rule} does not retry for a day"
        if get_logical_id(get_at(target, ("DeadLetterConfig", "Arn"))) != dead_letters:
            yield f"{rule} does not keep undeliverable events"


def check_invokers(resources: Resources) -> Iterator[str]:
    """Checks that only rules of the bus may invoke the consumer and only this API may invoke functions."""
    permitted = []
    for name, properties in find_by_type(resources, PERMISSION):
        match properties.get("Principal"):
            case "events.amazonaws.com":
                permitted.append(properties.get("SourceArn"))
                if get_logical_id(properties["FunctionName"]) != CONSUMER_ALIAS or permitted[-1] != RULES_OF_THE_BUS:
                    yield f"{name} allows another bus, or the invocation of another function"
            case "apigateway.amazonaws.com":
                _, variables = get_at(properties, ("SourceArn", "Fn::Sub")) or ("", {})
                if get_at(variables, ("__ApiId__",)) != {"Ref": "Api"}:
                    yield f"{name} allows another API"
            case principal:
                yield f"{name} allows {principal}"
    if permitted != [RULES_OF_THE_BUS, RULES_OF_THE_BUS]:
        yield f"the rules {permitted} may invoke {CONSUMER}"


def check_order_of_permissions(resources: Resources) -> Iterator[str]:
    """Checks that a rule gets its targets after the permissions, as EventBridge does not retry without them."""
    for name, dependencies in DEPENDENCIES.items():
        if get_at(resources, (name, "DependsOn")) != dependencies:
            yield f"{name} can have its target before the permission"


def check_queue_senders(resources: Resources) -> Iterator[str]:
    """Checks that only rules of the bus may send to their queues, and no service to RelayDeadLetterQueue."""
    queues = ("DeadLetterQueue", "UndeliveredEventQueue")
    expected = [([{"Ref": queue}], [build_sender_statement(queue)]) for queue in queues]
    # Another check covers the policy of OrderEventQueue.
    policies = [
        properties for name, properties in find_by_type(resources, QUEUE_POLICY) if name != "OrderEventQueuePolicy"
    ]
    statements = [(policy["Queues"], policy["PolicyDocument"]["Statement"]) for policy in policies]
    if statements != expected:
        yield f"the policies of the queues are {statements}"


def check_failure_destinations(resources: Resources) -> Iterator[str]:
    """Checks that the dead-letter queues keep failed asynchronous invocations and unpublished records."""
    configured = [
        (get_logical_id(properties["FunctionName"]), properties.get("Qualifier"))
        for _, properties in find_by_type(resources, INVOKE_CONFIG)
    ]
    if configured != [(CONSUMER, ALIAS)]:
        yield f"failed asynchronous invocations are kept for {configured}"
    for name, mapping in _list_streams(resources).items():
        destination = get_at(mapping, ("DestinationConfig", "OnFailure", "Destination"))
        if get_logical_id(destination) != "RelayDeadLetterQueue":
            yield f"{name} does not keep unpublished records"


def _list_streams(resources: Resources) -> dict[str, Properties]:
    """Returns the event source mappings, without that of OrderEventQueue, which another check covers."""
    mappings = dict(find_by_type(resources, EVENT_SOURCE_MAPPING))
    mappings.pop("OrderEventBatches", None)
    return mappings


def check_streams(resources: Resources) -> Iterator[str]:
    """Checks that the relays receive only orders with an event and stock items."""
    mappings = _list_streams(resources)
    if mappings.keys() != STREAM_FILTERS.keys():
        yield f"the event source mappings are {sorted(mappings)}"
    for name in mappings.keys() & STREAM_FILTERS.keys():
        filters = get_at(mappings[name], ("FilterCriteria", "Filters")) or []
        patterns = [json.loads(criterion["Pattern"]) for criterion in filters]
        image = {"NewImage": STREAM_FILTERS[name]}
        if patterns != [{"eventName": ["INSERT", "MODIFY"], "dynamodb": image}]:
            yield f"{name} has the filters {patterns}"
    stock = mappings.get(INVENTORY_STREAM, {})
    if stock.get("EventSourceArn") != {"Fn::GetAtt": ["InventoryTable", "StreamArn"]}:
        yield f"{INVENTORY_STREAM} reads another stream"
    if stock.get("FunctionName") != {"Ref": CONSUMER_ALIAS}:
        yield f"{INVENTORY_STREAM} invokes another function"
