"""Checks of the versions and aliases of the services, and of the steps in which traffic moves to a version."""

import json
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from template import (
    ALARM,
    ALIAS,
    CONSUMER,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    PERMISSION,
    RULE,
    Properties,
    Resources,
    find_by_type,
    format_reference,
    get_at,
    get_properties,
    wrap_in_list,
)

SERVICES = ("OrderServiceFunction", CONSUMER)
DEPLOYMENT_GROUP = "AWS::CodeDeploy::DeploymentGroup"
VERSION = "AWS::Lambda::Version"
# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
MAX_ALARMS = 10
# An alarm of a percentile that needs longer starts only after the shortest step, when all traffic has moved. A
# sum exceeds its threshold at once, because its window moves each minute.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
MAX_PERCENTILE_SECONDS = 240
# Properties of a function that a version does not have.
UNVERSIONED = {"ReservedConcurrentExecutions"}


def check_invoked_aliases(resources: Resources) -> Iterator[str]:
    """Checks that requests, streams, queues and rules invoke the aliases of the services, not the functions."""
    for place, invoked in _list_invocations(resources):
        text = json.dumps(invoked)
        for service in SERVICES:
            if re.search(rf"\b{service}(?!Alias{ALIAS}\b)", text):
                yield f"{place} invokes {service} without its alias"


def _list_invocations(resources: Resources) -> Iterator[tuple[str, Any]]:
    for name, properties in find_by_type(resources, "AWS::ApiGateway::RestApi"):
        yield name, properties["Body"]["paths"]
    for resource_type in (EVENT_SOURCE_MAPPING, PERMISSION):
        for name, properties in find_by_type(resources, resource_type):
            yield name, properties["FunctionName"]
    for name, properties in find_by_type(resources, RULE):
        yield name, [target["Arn"] for target in properties["Targets"]]


def check_deployment_groups(resources: Resources) -> Iterator[str]:
    """Checks that alarms stop a deployment of each service, and that it can be deployed while dead letters wait."""
    groups = dict(find_by_type(resources, DEPLOYMENT_GROUP))
    for service in SERVICES:
        policy = get_at(resources, (f"{service}Alias{ALIAS}", "UpdatePolicy", "CodeDeployLambdaAliasUpdate")) or {}
        group = groups.pop(format_reference(policy.get("DeploymentGroupName")), {})
        if "DEPLOYMENT_STOP_ON_ALARM" not in (get_at(group, ("AutoRollbackConfiguration", "Events")) or []):
            yield f"no alarm stops the deployment of {service}"
        yield from _check_alarms(resources, service, group)
    yield from (f"{name} belongs to no alias" for name in groups)


def _check_alarms(resources: Resources, service: str, group: Properties) -> Iterator[str]:
    alarms = [format_reference(alarm["Name"]) for alarm in get_at(group, ("AlarmConfiguration", "Alarms")) or []]
    if not 0 < len(alarms) <= MAX_ALARMS:
        yield f"{len(alarms)} alarms can stop the deployment of {service}"
    for name in alarms:
        if get_at(resources, (name, "Type")) != ALARM:
            yield f"{name} is not an alarm"
        elif get_properties(resources, name)["MetricName"] == "ApproximateNumberOfMessagesVisible":
            yield f"{name} stops the deployment of {service} until the dead letters are redriven"
        elif _get_window(get_properties(resources, name)) > MAX_PERCENTILE_SECONDS:
            yield f"{name} starts after the deployment of {service}"
    for metric in ("Errors", "Duration"):
        names = {name for name, alarm in find_by_type(resources, ALARM) if alarm["MetricName"] == metric}
        watched = [name for name in names & set(alarms) if service in json.dumps(resources[name])]
        if not watched:
            yield f"{metric} of {service} do not stop its deployment"


def _get_window(alarm: Properties) -> int:
    """Returns the seconds for which a percentile must be too high, or 0 for another statistic."""
    return int(alarm["Period"]) * int(alarm["EvaluationPeriods"]) if "ExtendedStatistic" in alarm else 0


def check_no_cycles(resources: Resources) -> Iterator[str]:
    """Checks that no resource depends on itself, for example an alias on an alarm of a rule that invokes it."""
    graph = {name: _list_dependencies(resource) & resources.keys() for name, resource in resources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"a circular dependency: {error.args[1]}"


def _list_dependencies(resource: dict[str, Any]) -> set[str]:
    text = json.dumps(resource)
    references = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)', text)
    return {name for groups in references for name in groups} | set(wrap_in_list(resource.get("DependsOn", [])))


def check_version_descriptions(template: dict[str, Any]) -> Iterator[str]:
    """Checks that a new value of a parameter publishes a version of each service that has it in its properties."""
    resources = template["Resources"]
    versions = {format_reference(version["FunctionName"]): version for _, version in find_by_type(resources, VERSION)}
    for name, properties in find_by_type(resources, FUNCTION):
        if name not in SERVICES:
            continue
        versioned = {key: value for key, value in properties.items() if key not in UNVERSIONED}
        described = _list_parameters(get_at(versions, (name, "Description")), template)
        for parameter in described ^ _list_parameters(versioned, template):
            yield f"{parameter} is only in the properties of {name} or only in the description of its version"


def _list_parameters(value: Any, template: dict[str, Any]) -> set[str]:
    """Returns the parameters that a value depends on, also by conditions."""
    match value:
        case {"Ref": name}:
            return {name} & template["Parameters"].keys()
        case {"Fn::Sub": str(text)}:
            return set(re.findall(r"\$\{(\w+)\}", text)) & template["Parameters"].keys()
        case {"Fn::If": [condition, *values]}:
            return _list_parameters([template["Conditions"][condition], *values], template)
        case dict():
            return _list_parameters(list(value.values()), template)
        case list():
            return {parameter for element in value for parameter in _list_parameters(element, template)}
        case _:
            return set()
