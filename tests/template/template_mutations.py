"""Mutations of the template with direct delivery of events."""

import copy
from collections.abc import Iterator
from typing import Any

from event_flow import (
    check_failure_destinations,
    check_invokers,
    check_order_of_permissions,
    check_queue_senders,
    check_rule_targets,
    check_streams,
)
from monitoring import (
    LOST_EVENT_METRICS,
    check_dashboard,
    check_flow_alarms,
    check_function_alarms,
    check_log_groups,
    check_lost_event_alarms,
    check_metric_filters,
    check_operations_guide,
    check_queue_alarms,
)
from mutations import (
    Change,
    Mutation,
    add_resource,
    append_to_property,
    remove_property,
    remove_resource,
    set_attribute,
    set_property,
)
from policies import (
    check_event_sources,
    check_exact_permissions,
    check_no_managed_policies,
    check_no_wildcards,
    check_roles,
)
from required_properties import ANY, REQUIRED, check_required_properties, find_with_required
from template import (
    ALARM,
    CONSUMER,
    CONSUMER_ALIAS,
    FUNCTION,
    INVENTORY_STREAM,
    ORDER_EVENT_RULE,
    ORDER_STREAM,
    PERMISSION,
    QUEUE,
    ROLE,
    STOCK_EVENT_RULE,
    UNHANDLED_EVENT_RULE,
    UNHANDLED_STOCK_EVENT_RULE,
    UNHANDLED_WAREHOUSE_EVENT_RULE,
    Check,
    Resources,
    find_by_type,
    get_at,
)

STATEMENTS = ("PolicyDocument", "Statement")
OTHER_TARGET = {"Id": "other", "Arn": {"Fn::GetAtt": ["OrderServiceFunction", "Arn"]}}
INVOKE_CONSUMER = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": CONSUMER_ALIAS}}


def build_mutations(resources: Resources) -> list[Mutation]:
    """Returns all mutations of the resources."""
    return [
        *_mutate_required_properties(resources),
        *_mutate_alarms(resources),
        *_mutate_permissions(resources),
        *POLICY_MUTATIONS,
        *MONITORING_MUTATIONS,
        *EVENT_FLOW_MUTATIONS,
    ]


def _mutate_required_properties(resources: Resources) -> Iterator[Mutation]:
    """Removes and changes each required property of each resource."""
    for resource_type, required in REQUIRED.items():
        for name, properties in find_with_required(resources, resource_type):
            for path, value in required.items():
                place = f"{name}.{'.'.join(map(str, path))}"
                assert get_at(properties, path) is not None, place
                yield Mutation(f"{place} removed", check_required_properties, remove_property(name, *path))
                if value is not ANY:
                    change = set_property(name, *path, value="another value")
                    yield Mutation(f"{place} changed", check_required_properties, change)


def _mutate_alarms(resources: Resources) -> Iterator[Mutation]:
    """Removes each alarm, and changes its dimensions and its comparison."""
    for name, alarm in find_by_type(resources, ALARM):
        check = _get_alarm_check(alarm)
        yield Mutation(f"{name} removed", check, remove_resource(name))
        yield Mutation(f"{name} removed but documented", check_operations_guide, remove_resource(name))
        for index, dimension in enumerate(alarm["Dimensions"]):
            change = set_property(name, "Dimensions", index, "Value", value={"Ref": "Nothing"})
            yield Mutation(f"{name} with another {dimension['Name']}", check, change)
        change = set_property(name, "ComparisonOperator", value="LessThanThreshold")
        yield Mutation(f"{name} with the opposite comparison", check, change)


def _get_alarm_check(alarm: dict[str, Any]) -> Check:
    """Returns the check that covers an alarm."""
    if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible":
        return check_queue_alarms
    if alarm["MetricName"] in {"Errors", "Throttles", "Duration"}:
        return check_function_alarms
    if alarm["Namespace"] == "AWS/Events" or alarm["MetricName"] in LOST_EVENT_METRICS:
        return check_lost_event_alarms
    return check_flow_alarms


def _mutate_permissions(resources: Resources) -> Iterator[Mutation]:
    """Removes, changes and widens each statement of each role."""
    for name, properties in find_by_type(resources, ROLE):
        for policy_index, policy in enumerate(properties["Policies"]):
            for index, statement in enumerate(policy["PolicyDocument"]["Statement"]):
                path = ("Policies", policy_index, *STATEMENTS, index)
                place = f"{name}.{policy['PolicyName']}[{index}]"
                action = statement["Action"][0] if isinstance(statement["Action"], list) else statement["Action"]
                all_actions = f"{action.split(':')[0]}:*"
                other_action = "dynamodb:DeleteItem"
                yield Mutation(f"{place} removed", check_exact_permissions, remove_property(name, *path))
                yield Mutation(
                    f"{place} with another action",
                    check_exact_permissions,
                    set_property(name, *path, "Action", value=other_action),
                )
                yield Mutation(
                    f"{place} with all actions",
                    check_no_wildcards,
                    set_property(name, *path, "Action", value=all_actions),
                )
                if statement["Resource"] != "*":
                    change = set_property(name, *path, "Resource", value="*")
                    yield Mutation(f"{place} on all resources", check_no_wildcards, change)


def _change_statement(role: str, policy_name: str, **members: Any) -> Change:
    """Returns a change that sets members of the first statement of a policy."""

    def change(resources: Resources) -> None:
        policies = resources[role]["Properties"]["Policies"]
        [policy] = [policy for policy in policies if policy["PolicyName"] == policy_name]
        policy["PolicyDocument"]["Statement"][0].update(members)

    return change


def _hide_stock_age(resources: Resources) -> None:
    body = resources["Dashboard"]["Properties"]["DashboardBody"]
    shown = '"IteratorAge", "FunctionName", "${InventoryServiceFunction}"'
    body["Fn::Sub"] = body["Fn::Sub"].replace(shown, '"IteratorAge", "FunctionName", "${OrderServiceFunction}"')


def _rename_dashboard_metric(resources: Resources) -> None:
    body = resources["Dashboard"]["Properties"]["DashboardBody"]
    body["Fn::Sub"] = body["Fn::Sub"].replace("OrdersPlaced", "OrdersTaken")


POLICY_MUTATIONS = [
    Mutation(
        "tracing in a policy with another name",
        check_no_wildcards,
        set_property("HelloWorldRole", "Policies", 1, "PolicyName", value="Other"),
    ),
    Mutation(
        "tracing with another action",
        check_no_wildcards,
        append_to_property("HelloWorldRole", "Policies", 1, *STATEMENTS, 0, "Action", value="xray:GetTraceSummaries"),
    ),
    Mutation(
        "a statement with NotAction",
        check_no_wildcards,
        _change_statement("HelloWorldRole", "Logs", NotAction="logs:DeleteLogGroup"),
    ),
    Mutation(
        "a queue with any sender",
        check_no_wildcards,
        set_property("DeadLetterQueuePolicy", *STATEMENTS, 0, "Principal", value="*"),
    ),
    Mutation(
        "a bus with any sender",
        check_no_wildcards,
        add_resource(
            "AWS::Events::EventBusPolicy",
            Statement={"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents"},
        ),
    ),
    Mutation(
        "a managed policy",
        check_no_managed_policies,
        set_property("HelloWorldRole", "ManagedPolicyArns", value=["arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"]),
    ),
    Mutation(
        "a function that may send events of any source",
        check_event_sources,
        remove_property("OrderServiceRole", "Policies", 3, "PolicyDocument", "Statement", 1, "Condition"),
    ),
    Mutation("a policy outside of a role", check_no_managed_policies, add_resource("AWS::IAM::Policy")),
    Mutation(
        "a shared role",
        check_roles,
        set_property("HelloWorldFunction", "Role", value={"Fn::GetAtt": ["OrderServiceRole", "Arn"]}),
    ),
    Mutation(
        "a role outside of the template",
        check_roles,
        set_property("HelloWorldFunction", "Role", value="arn:aws:iam::1:role/x"),
    ),
    Mutation(
        "a role that another service can assume",
        check_roles,
        set_property(
            "HelloWorldRole",
            "AssumeRolePolicyDocument",
            "Statement",
            0,
            "Principal",
            value={"Service": "ec2.amazonaws.com"},
        ),
    ),
    Mutation(
        "a function without listed actions",
        check_exact_permissions,
        lambda resources: resources.update(Added=copy.deepcopy(resources[CONSUMER])),
    ),
]

MONITORING_MUTATIONS = [
    Mutation("a queue without an alarm", check_queue_alarms, add_resource(QUEUE)),
    Mutation(
        "a depth alarm with a high threshold",
        check_queue_alarms,
        set_property("DeadLetterQueueDepthAlarm", "Threshold", value=100),
    ),
    Mutation(
        "a duration alarm on the median",
        check_function_alarms,
        set_property("OrderServiceDurationAlarm", "ExtendedStatistic", value="p50"),
    ),
    Mutation(
        "an alarm in another namespace",
        check_flow_alarms,
        set_property("OutboxLagAlarm", "Namespace", value="Other"),
    ),
    Mutation(
        "a function with metrics in another namespace",
        check_flow_alarms,
        set_property(CONSUMER, "Environment", "Variables", "METRICS_NAMESPACE", value="Other"),
    ),
    Mutation(
        "no alarm for dead letters that the consumer loses",
        check_lost_event_alarms,
        remove_resource("InventoryServiceDeadLettersLostAlarm"),
    ),
    Mutation(
        "no alarm for dead letters that a rule loses",
        check_lost_event_alarms,
        remove_resource("StockEventDeadLettersLostAlarm"),
    ),
    Mutation(
        "an alarm on another rule",
        check_lost_event_alarms,
        set_property("UnhandledEventsLostAlarm", "Dimensions", 1, "Value", value="other"),
    ),
    Mutation("a log group removed", check_log_groups, remove_resource("OrderServiceLogs")),
    Mutation("a metric filter removed", check_metric_filters, remove_resource("OrderServiceOrdersPlacedFilter")),
    Mutation(
        "a metric filter in another namespace",
        check_metric_filters,
        set_property(
            "InventoryServiceOrdersConfirmedFilter", "MetricTransformations", 0, "MetricNamespace", value="Other"
        ),
    ),
    Mutation(
        "a metric filter of another function",
        check_metric_filters,
        set_property("InventoryServiceOrdersRejectedFilter", "LogGroupName", value={"Ref": "OrderServiceLogs"}),
    ),
    Mutation("the dashboard removed", check_dashboard, remove_resource("Dashboard")),
    Mutation(
        "an empty dashboard",
        check_dashboard,
        set_property("Dashboard", "DashboardBody", "Fn::Sub", value='{"widgets": []}'),
    ),
    Mutation("a stream whose age the dashboard does not show", check_dashboard, _hide_stock_age),
    Mutation("a function that the dashboard does not show", check_dashboard, add_resource(FUNCTION)),
    Mutation(
        "an alarm on a metric that does not exist",
        check_operations_guide,
        set_property("OutboxLagAlarm", "MetricName", value="OutboxLagg"),
    ),
    Mutation("a dashboard metric that does not exist", check_operations_guide, _rename_dashboard_metric),
]

EVENT_FLOW_MUTATIONS = [
    Mutation(
        "a second target", check_rule_targets, append_to_property(ORDER_EVENT_RULE, "Targets", value=OTHER_TARGET)
    ),
    Mutation("the order event rule removed", check_rule_targets, remove_resource(ORDER_EVENT_RULE)),
    Mutation("the stock event rule removed", check_rule_targets, remove_resource(STOCK_EVENT_RULE)),
    Mutation(
        "stock events of any source",
        check_rule_targets,
        remove_property(STOCK_EVENT_RULE, "EventPattern", "source"),
    ),
    Mutation(
        "stock events without retries",
        check_rule_targets,
        remove_property(STOCK_EVENT_RULE, "Targets", 0, "RetryPolicy"),
    ),
    Mutation(
        "stock events without a dead-letter queue",
        check_rule_targets,
        remove_property(STOCK_EVENT_RULE, "Targets", 0, "DeadLetterConfig"),
    ),
    Mutation("the unhandled event rule removed", check_rule_targets, remove_resource(UNHANDLED_EVENT_RULE)),
    Mutation("the unhandled stock event rule removed", check_rule_targets, remove_resource(UNHANDLED_STOCK_EVENT_RULE)),
    Mutation(
        "a known stock event that goes to the dead-letter queue",
        check_rule_targets,
        set_property(UNHANDLED_STOCK_EVENT_RULE, "EventPattern", "detail-type", value=[{"anything-but": ["StockLow"]}]),
    ),
    Mutation(
        "a source of stock events without a rule",
        check_rule_targets,
        remove_resource(UNHANDLED_WAREHOUSE_EVENT_RULE),
    ),
    Mutation(
        "a detail-type that both rules match",
        check_rule_targets,
        append_to_property(ORDER_EVENT_RULE, "EventPattern", "detail-type", value="OrderLost"),
    ),
    Mutation(
        "a target without retries",
        check_rule_targets,
        remove_property(ORDER_EVENT_RULE, "Targets", 0, "RetryPolicy"),
    ),
    Mutation(
        "a target without a dead-letter queue",
        check_rule_targets,
        remove_property(ORDER_EVENT_RULE, "Targets", 0, "DeadLetterConfig"),
    ),
    Mutation(
        "a rule for unhandled events without a dead-letter queue",
        check_rule_targets,
        remove_property(UNHANDLED_EVENT_RULE, "Targets", 0, "DeadLetterConfig"),
    ),
    Mutation("the permission of the rule removed", check_invokers, remove_resource("OrderEventPermission")),
    Mutation("the permission of the stock rule removed", check_invokers, remove_resource("StockEventPermission")),
    Mutation(
        "a permission for any rule of the account",
        check_invokers,
        set_property("OrderEventPermission", "SourceArn", value="arn:aws:events:*:1:rule/*"),
    ),
    Mutation(
        "a permission for another rule",
        check_invokers,
        add_resource(
            PERMISSION,
            **INVOKE_CONSUMER,
            Principal="events.amazonaws.com",
            SourceArn={"Fn::GetAtt": ["OtherRule", "Arn"]},
        ),
    ),
    Mutation(
        "a permission for another service",
        check_invokers,
        add_resource(PERMISSION, **INVOKE_CONSUMER, Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket"),
    ),
    Mutation(
        "a permission for another API",
        check_invokers,
        add_resource(
            PERMISSION,
            **INVOKE_CONSUMER,
            Principal="apigateway.amazonaws.com",
            SourceArn="arn:aws:execute-api:x",
        ),
    ),
    Mutation(
        "a queue with any rule as sender",
        check_queue_senders,
        remove_property("DeadLetterQueuePolicy", *STATEMENTS, 0, "Condition"),
    ),
    Mutation(
        "a queue with the rules of every bus as senders",
        check_queue_senders,
        set_property(
            "DeadLetterQueuePolicy",
            *STATEMENTS,
            0,
            "Condition",
            "ArnLike",
            "aws:SourceArn",
            value="arn:aws:events:eu-central-1:1:rule/*",
        ),
    ),
    Mutation(
        "a rule with a target before its permission",
        check_order_of_permissions,
        set_attribute(ORDER_EVENT_RULE, "DependsOn", value="OrderEventPermission"),
    ),
    Mutation(
        "a rule with a target before the policy of its queue",
        check_order_of_permissions,
        set_attribute(UNHANDLED_EVENT_RULE, "DependsOn", value=[]),
    ),
    Mutation("the policy of the queue removed", check_queue_senders, remove_resource("DeadLetterQueuePolicy")),
    Mutation(
        "a queue with another service as sender",
        check_queue_senders,
        append_to_property(
            "DeadLetterQueuePolicy",
            *STATEMENTS,
            value={"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"},
        ),
    ),
    Mutation(
        "the destination of failed events removed",
        check_failure_destinations,
        remove_resource("InventoryServiceFunctionEventInvokeConfig"),
    ),
    Mutation(
        "a destination of events that fail without the alias",
        check_failure_destinations,
        remove_property("InventoryServiceFunctionEventInvokeConfig", "Qualifier"),
    ),
    Mutation(
        "another destination of unpublished records",
        check_failure_destinations,
        set_property(ORDER_STREAM, "DestinationConfig", "OnFailure", "Destination", value="arn:x"),
    ),
    Mutation(
        "a stream filter that matches every record",
        check_streams,
        set_property(ORDER_STREAM, "FilterCriteria", "Filters", 0, "Pattern", value="{}"),
    ),
    Mutation("the stream filter removed", check_streams, remove_property(ORDER_STREAM, "FilterCriteria")),
    Mutation(
        "a stream filter that matches the stock ledger",
        check_streams,
        set_property(
            INVENTORY_STREAM, "FilterCriteria", "Filters", 0, "Pattern", value='{"eventName": ["INSERT", "MODIFY"]}'
        ),
    ),
    Mutation("the mapping of the stock stream removed", check_streams, remove_resource(INVENTORY_STREAM)),
    Mutation(
        "stock events of another stream",
        check_streams,
        set_property(INVENTORY_STREAM, "EventSourceArn", value={"Fn::GetAtt": ["OrdersTable", "StreamArn"]}),
    ),
    Mutation(
        "stock events relayed by another function",
        check_streams,
        set_property(INVENTORY_STREAM, "FunctionName", value={"Ref": "OrderServiceFunction"}),
    ),
    Mutation(
        "another destination of unpublished stock records",
        check_failure_destinations,
        set_property(INVENTORY_STREAM, "DestinationConfig", "OnFailure", "Destination", value="arn:x"),
    ),
]
