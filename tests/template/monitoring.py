"""Checks of alarms, log groups, the dashboard and the operations guide."""

import json
import re
from collections.abc import Iterator
from typing import Any

from template import (
    ALARM,
    BUS,
    CONSUMER,
    DASHBOARD,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    LOG_GROUP,
    METRIC_FILTER,
    OPTIONAL_ALARMS,
    QUEUE,
    RULE,
    Properties,
    Resources,
    find_by_type,
    format_reference,
    get_at,
    get_function,
    get_logical_id,
    read_guide_section,
)

# Metrics of failed asynchronous invocations that leave no dead letter, or leave one after many attempts.
LOST_EVENT_METRICS = ("DestinationDeliveryFailures", "AsyncEventsDropped")
# Metric of events that EventBridge could neither deliver nor send to a dead-letter queue.
LOST_DEAD_LETTERS = "InvocationsFailedToBeSentToDlq"
# Namespace and name of the metrics that the dashboard must show.
DASHBOARD_METRICS = {
    *(("${AWS::StackName}", f"Orders{status}") for status in ("Placed", "Confirmed", "Rejected", "Canceled")),
    ("${AWS::StackName}", "OutboxLag"),
    ("${AWS::StackName}", "ReservationConflicts"),
    ("${AWS::StackName}", "StockAdjustments"),
    ("${AWS::StackName}", "EventsFailed"),
    ("${AWS::StackName}", "EventsQueued"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
    ("AWS/Lambda", "Duration"),
    ("AWS/Lambda", "IteratorAge"),
    ("AWS/ApiGateway", "5XXError"),
}


def check_queue_alarms(resources: Resources) -> Iterator[str]:
    """Checks that each dead-letter queue has an alarm that starts with its first message.

    OrderEventQueue has messages in normal operation, and an alarm for their age.
    """
    queues = {name for name, _ in find_by_type(resources, QUEUE)} - {"OrderEventQueue"}
    for name in sorted(queues):
        depth = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        alarms = _find_alarms(resources, *depth, QueueName=f"{name}.QueueName")
        if not any((alarm.get("Statistic"), alarm["Threshold"]) == ("Maximum", 0) for alarm in alarms):
            yield f"{name} has no alarm for its depth"


def check_function_alarms(resources: Resources) -> Iterator[str]:
    """Checks that each function has alarms for errors, throttles and the 99th percentile of its duration."""
    for name, _ in find_by_type(resources, FUNCTION):
        for metric, key, statistic in (
            ("Errors", "Statistic", "Sum"),
            ("Throttles", "Statistic", "Sum"),
            ("Duration", "ExtendedStatistic", "p99"),
        ):
            alarms = _find_alarms(resources, "AWS/Lambda", metric, FunctionName=name)
            if not any(alarm.get(key) == statistic for alarm in alarms):
                yield f"{name} has no alarm for {metric}"


def check_flow_alarms(resources: Resources) -> Iterator[str]:
    """Checks that there are alarms for late events, failed events and the errors of the API."""
    for name, mapping in find_by_type(resources, EVENT_SOURCE_MAPPING):
        function = get_function(mapping["FunctionName"])
        alarms = _find_alarms(resources, "AWS/Lambda", "IteratorAge", FunctionName=function)
        if not any(alarm.get("Statistic") == "Maximum" for alarm in alarms):
            yield f"{name} has no alarm for its age"
    aged = {"QueueName": "OrderEventQueue.QueueName"}
    if not list(_find_alarms(resources, "AWS/SQS", "ApproximateAgeOfOldestMessage", **aged)):
        yield "OrderEventQueue has no alarm for its age"
    path = ("Environment", "Variables", "METRICS_NAMESPACE")
    variables = [get_at(properties, path) for _, properties in find_by_type(resources, FUNCTION)]
    for namespace in {format_reference(variable) for variable in variables if variable}:
        yield from _check_metric_alarms(resources, namespace)
    for name, api in find_by_type(resources, "AWS::ApiGateway::RestApi"):
        errors = ("AWS/ApiGateway", "5XXError")
        alarms = _find_alarms(resources, *errors, ApiName=format_reference(api["Name"]), Stage="StageName")
        if not any(alarm.get("Statistic") == "Sum" for alarm in alarms):
            yield f"{name} has no alarm for its errors"


def check_lost_event_alarms(resources: Resources) -> Iterator[str]:
    """Checks that alarms report dead letters which are lost, of the consumer and of each rule."""
    for metric in LOST_EVENT_METRICS:
        if not list(_find_alarms(resources, "AWS/Lambda", metric, FunctionName=CONSUMER)):
            yield f"{CONSUMER} has no alarm for {metric}"
    for name, _ in find_by_type(resources, RULE):
        # The ARN ends with the name of the bus and that of the rule.
        rule_name = {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": [name, "Arn"]}]}]}
        dimensions = {"EventBusName": BUS, "RuleName": str(rule_name)}
        if not list(_find_alarms(resources, "AWS/Events", LOST_DEAD_LETTERS, **dimensions)):
            yield f"{name} has no alarm for {LOST_DEAD_LETTERS}"


def _check_metric_alarms(resources: Resources, namespace: str) -> Iterator[str]:
    """Checks that there are alarms for the metrics of the functions themselves."""
    for service, metric, statistic, threshold in (
        ("order-service", "OutboxLag", ("ExtendedStatistic", "p99"), None),
        ("inventory-service", "EventsFailed", ("Statistic", "Sum"), None),
        ("order-service", "ItemsUnreadable", ("Statistic", "Sum"), 1),
        ("inventory-service", "ItemsUnreadable", ("Statistic", "Sum"), 1),
    ):
        key, value = statistic
        if not any(
            alarm.get(key) == value and threshold in (None, alarm["Threshold"])
            for alarm in _find_alarms(resources, namespace, metric, Service=service)
        ):
            yield f"there is no alarm for {metric} of {service} in {namespace}"


def check_log_groups(resources: Resources) -> Iterator[str]:
    """Checks that each function writes to a log group of this template."""
    groups = dict(find_by_type(resources, LOG_GROUP))
    for name, properties in find_by_type(resources, FUNCTION):
        if get_logical_id(get_at(properties, ("LoggingConfig", "LogGroup"))) not in groups:
            yield f"{name} writes to a log group outside of this template"


def check_metric_filters(resources: Resources) -> Iterator[str]:
    """Checks that metric filters count the orders of each function that the dashboard shows."""
    services = {
        name: format_reference(properties["LogGroupName"]).rpartition("/")[2]
        for name, properties in find_by_type(resources, LOG_GROUP)
    }
    counted = {
        (format_reference(transformation["MetricNamespace"]), transformation["MetricName"], services[group])
        for _, properties in find_by_type(resources, METRIC_FILTER)
        if (group := get_logical_id(properties["LogGroupName"])) in services
        for transformation in properties["MetricTransformations"]
    }
    lines = _list_dashboard_lines(resources)
    shown = {(line[0].strip("${}"), line[1], line[3]) for line in lines if line[1].startswith("Orders")}
    for namespace, metric, service in sorted(counted ^ shown):
        yield f"{metric} of {service} in {namespace} is only on the dashboard or only in a metric filter"


def check_dashboard(resources: Resources) -> Iterator[str]:
    """Checks that the dashboard shows the required metrics and every function and queue."""
    dashboards = [properties for _, properties in find_by_type(resources, DASHBOARD)]
    if len(dashboards) != 1:
        yield f"there are {len(dashboards)} dashboards"
        return
    body = format_reference(dashboards[0]["DashboardBody"])
    lines = _list_dashboard_lines(resources)
    for namespace, metric in DASHBOARD_METRICS - {(line[0], line[1]) for line in lines}:
        yield f"the dashboard does not show {metric} of {namespace}"
    for resource_type in (QUEUE, FUNCTION):
        for name, _ in find_by_type(resources, resource_type):
            if f"${{{name}" not in body:
                yield f"the dashboard does not show {name}"
    for name, mapping in find_by_type(resources, EVENT_SOURCE_MAPPING):
        function = get_function(mapping["FunctionName"])
        if ["AWS/Lambda", "IteratorAge", "FunctionName", f"${{{function}}}"] not in lines:
            yield f"the dashboard does not show the age of {name}"
    for name in set(re.findall(r"\$\{(\w+)[.}]", body)) - resources.keys() - {"StageName"}:
        yield f"the dashboard shows {name}, which does not exist"


def _list_dashboard_lines(resources: Resources) -> list[list[Any]]:
    """Returns the lines of the dashboard's graphs: namespace, metric, names and values of dimensions."""
    bodies = [format_reference(properties["DashboardBody"]) for _, properties in find_by_type(resources, DASHBOARD)]
    widgets = [widget for body in bodies for widget in json.loads(body)["widgets"]]
    return [line for widget in widgets for line in widget["properties"]["metrics"]]


def check_operations_guide(resources: Resources) -> Iterator[str]:
    """Checks that the operations guide has a heading for each alarm and a row for each metric."""
    headings = set(re.findall(r"^### (\w+Alarm)$", read_guide_section("Alarms"), re.MULTILINE))
    alarms = {name for name, _ in find_by_type(resources, ALARM)}
    for name in (headings - OPTIONAL_ALARMS) ^ alarms:
        yield f"{name} is in only one of the template and the operations guide"
    documented = set(re.findall(r"^\| `(\w+)`", read_guide_section("Metrics"), re.MULTILINE))
    for name in _list_own_metrics(resources) - documented:
        yield f"{name} is not a metric in the operations guide"


def _list_own_metrics(resources: Resources) -> set[str]:
    """Returns the metrics of the functions that alarms and the dashboard use."""
    used = {alarm["MetricName"] for _, alarm in find_by_type(resources, ALARM) if isinstance(alarm["Namespace"], dict)}
    for _, properties in find_by_type(resources, DASHBOARD):
        body = format_reference(properties["DashboardBody"])
        used |= set(re.findall(r'"\$\{AWS::StackName\}", "(\w+)", "Service"', body))
    return used


def _find_alarms(resources: Resources, namespace: str, metric: str, **dimensions: str) -> list[Properties]:
    """Returns the alarms that start when a metric with exactly these dimensions is too high."""
    return [
        alarm
        for _, alarm in find_by_type(resources, ALARM)
        if (format_reference(alarm["Namespace"]), alarm["MetricName"]) == (namespace, metric)
        and alarm["ComparisonOperator"].startswith("GreaterThan")
        and {dimension["Name"]: format_reference(dimension["Value"]) for dimension in alarm["Dimensions"]} == dimensions
    ]
