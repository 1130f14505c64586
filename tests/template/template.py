"""template.yaml after SAM's transform, as CloudFormation receives it."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# SAM requires a region.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

logging.getLogger("samtranslator").setLevel(logging.ERROR)

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS_GUIDE = ROOT / "docs" / "operations.md"

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"
TABLE = "AWS::DynamoDB::Table"
ROLE = "AWS::IAM::Role"
ALARM = "AWS::CloudWatch::Alarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
LOG_GROUP = "AWS::Logs::LogGroup"
METRIC_FILTER = "AWS::Logs::MetricFilter"
# A pattern for the ARNs of every rule of the bus.
RULES_OF_THE_BUS = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${CustomEventBus}/*"}
EVENT_SOURCE_MAPPING = "AWS::Lambda::EventSourceMapping"
RULE = "AWS::Events::Rule"
PERMISSION = "AWS::Lambda::Permission"
INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"
QUEUE_POLICY = "AWS::SQS::QueuePolicy"
USER_POOL = "AWS::Cognito::UserPool"

# Logical ids.
CONSUMER = "InventoryServiceFunction"
# The alias through which both services are invoked.
ALIAS = "live"
CONSUMER_ALIAS = f"{CONSUMER}Alias{ALIAS}"
ORDER_EVENT_RULE = "OrderEventRule"
STOCK_EVENT_RULE = "StockEventRule"
UNHANDLED_EVENT_RULE = "UnhandledEventRule"
UNHANDLED_STOCK_EVENT_RULE = "UnhandledStockEventRule"
UNHANDLED_WAREHOUSE_EVENT_RULE = "UnhandledWarehouseEventRule"
ORDER_STREAM = "OrderServiceFunctionOrderStream"
INVENTORY_STREAM = "InventoryStream"
INVENTORY_STREAM_AGE_ALARM = "InventoryStreamAgeAlarm"
BUS = "CustomEventBus"
QUEUE_AGE_ALARM = "OrderEventQueueAgeAlarm"
EVENTS_FAILED_ALARM = "EventsFailedAlarm"
# These alarms exist only with FulfillmentQueue=on.
TO_SHIP_AGE_ALARM = "OrdersToShipQueueAgeAlarm"
TO_SHIP_DEPTH_ALARM = "OrdersToShipDeadLetterQueueDepthAlarm"
OPTIONAL_ALARMS = {TO_SHIP_AGE_ALARM, TO_SHIP_DEPTH_ALARM}

# The values of the conditions with InventoryEvents=all or thresholds, and with FulfillmentQueue=off.
DEFAULTS = {
    "StockIsRelayed": True,
    "FulfillmentIsQueued": False,
    "ProducersAreGiven": False,
    "EventsAreArchived": False,
    "ConcurrencyIsReserved": False,
    "WebAclIsGiven": False,
    "DomainIsGiven": False,
    "AccessIsLogged": False,
    "LogIsDetailed": False,
    "RequestsAreTraced": True,
}
# FulfillmentQueue=on.
QUEUED_FULFILLMENT = DEFAULTS | {"FulfillmentIsQueued": True}
# InventoryEvents=none.
UNRELAYED = DEFAULTS | {"StockIsRelayed": False}

Properties = dict[str, Any]
Resources = dict[str, dict[str, Any]]
# Yields a line for each violation.
Check = Callable[[Resources], Iterator[str]]


class _NoManagedPolicies:
    """A loader of managed policies for SAM. The template has none."""

    def load(self) -> dict[str, str]:
        """Returns no policies."""
        return {}


def load_source() -> dict[str, Any]:
    """Returns the template as it is written."""
    return dict(yaml_parse((ROOT / "template.yaml").read_text()))


def load_template(**parameters: str) -> dict[str, Any]:
    """Returns the template after SAM's transform, with parameters other than the defaults."""
    template = load_source()
    for resource in template["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            # The transform expects a packaged function.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return dict(transform(template, parameters, _NoManagedPolicies()))


def apply_conditions(value: Any, conditions: dict[str, bool]) -> Any:
    """Resolves conditions in resources or in a part of a resource. Other conditions stay."""
    match value:
        case {"Fn::If": [name, if_true, if_false]} if name in conditions:
            return apply_conditions(if_true if conditions[name] else if_false, conditions)
        case dict():
            included = {name: member for name, member in value.items() if not _is_excluded(member, conditions)}
            return {name: apply_conditions(member, conditions) for name, member in included.items()}
        case list():
            elements = [apply_conditions(element, conditions) for element in value]
            return [element for element in elements if element != {"Ref": "AWS::NoValue"}]
        case _:
            return value


def _is_excluded(resource: Any, conditions: dict[str, bool]) -> bool:
    condition = get_at(resource, ("Condition",))
    return isinstance(condition, str) and conditions.get(condition) is False


def build_sender_statement(queue: str) -> dict[str, Any]:
    """Builds the statement of a queue's policy that lets the rules of the bus send to the queue."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        "Condition": {"ArnLike": {"aws:SourceArn": RULES_OF_THE_BUS}},
    }


def find_by_type(resources: Resources, resource_type: str) -> Iterator[tuple[str, Properties]]:
    """Yields the logical id and the properties of each resource of a type."""
    for name, resource in resources.items():
        if resource["Type"] == resource_type:
            yield name, resource.get("Properties", {})


def get_at(value: Any, path: tuple[str | int, ...]) -> Any:
    """Returns the value at a path, or None if there is none."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def get_properties(resources: Resources, name: str) -> Properties:
    """Returns the properties of a resource, or no properties if the resource does not exist."""
    return get_at(resources, (name, "Properties")) or {}


def format_reference(value: Any) -> str:
    """Formats a reference as `Table`, `Table.Arn` or the text of a Sub."""
    match value:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::GetAtt": str(text)} | {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            return text
        case _:
            return str(value)


def get_logical_id(reference: Any) -> str:
    """Returns the logical id of the resource in a reference."""
    return format_reference(reference).split(".")[0]


def get_function(reference: Any) -> str:
    """Returns the logical id of the function in a reference to the function or to its alias."""
    return get_logical_id(reference).removesuffix(f"Alias{ALIAS}")


def wrap_in_list(value: Any) -> list[Any]:
    """Returns a list as it is and any other value as a list with one element, like CloudFormation."""
    return value if isinstance(value, list) else [value]


def read_guide_section(title: str) -> str:
    """Returns a section of the operations guide."""
    text = OPERATIONS_GUIDE.read_text()
    [section] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(section)
