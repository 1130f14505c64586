"""The template's tables and bus, without the functions that would react to them."""

import json
from typing import Any

import seed
from emulator import ROOT, client

STACK = "state"
# The requests in events/ carry no token.
ACCESS = {"ApiAccess": "open"}
STATE_TYPES = {"AWS::DynamoDB::Table", "AWS::Events::EventBus"}
SEED_ORDERS = ROOT / "seed-data" / "orders.json"
# Those whose stock is set aside or sold.
RESERVED = {"Confirmed", "Shipped", "Delivered"}
PUBLISHED_WITHIN_SECONDS = 5


class State:
    """What the functions work on, with the seed data in it."""

    def __init__(self, template: dict[str, Any], endpoint: str) -> None:
        """Deploys tables and bus to the AWS at an endpoint, and loads the data."""
        self._dynamodb = client("dynamodb", endpoint)
        self._sqs = client("sqs", endpoint)
        names = _deploy(client("cloudformation", endpoint), template)
        self._values = _parameters(template) | names | {"AWS::StackName": STACK}
        seed.load(self._dynamodb, names)
        self._published = self._collect(client("events", endpoint))

    def variables(self, properties: dict[str, Any]) -> dict[str, str]:
        """What a function's properties put into its environment."""
        variables = properties["Environment"]["Variables"]
        return {name: self._values[value["Ref"]] for name, value in variables.items()}

    def put_order(self, status: str) -> None:
        """Makes the order of the seed data one that has come to a status."""
        [put] = json.loads(SEED_ORDERS.read_text())["OrdersTable"]
        item = put["PutRequest"]["Item"] | {"OrderStatus": {"S": status}}
        if status in RESERVED:
            item["StockReserved"] = {"BOOL": True}
        self._dynamodb.put_item(TableName=self._values["OrdersTable"], Item=item)

    def order_status(self, order: str) -> str:
        """The status that an order has come to."""
        answer = self._dynamodb.get_item(
            TableName=self._values["OrdersTable"],
            Key={"OrderId": {"S": order}},
            ConsistentRead=True,
        )
        return str(answer["Item"]["OrderStatus"]["S"])

    def next_published(self) -> dict[str, Any] | None:
        """The next event that was put on the bus, if there is one."""
        answer = self._sqs.receive_message(QueueUrl=self._published, WaitTimeSeconds=PUBLISHED_WITHIN_SECONDS)
        for message in answer.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._published, ReceiptHandle=message["ReceiptHandle"])
            return dict(json.loads(message["Body"]))
        return None

    def _collect(self, events: Any) -> str:
        """Has a queue collect what is put on the bus; returns its address."""
        bus = self._values["CustomEventBus"]
        queue = str(self._sqs.create_queue(QueueName="published")["QueueUrl"])
        attributes = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        pattern = json.dumps({"source": ["ecommerce.order"]})
        events.put_rule(Name="published", EventBusName=bus, EventPattern=pattern)
        target = {"Id": "published", "Arn": attributes["QueueArn"]}
        events.put_targets(Rule="published", EventBusName=bus, Targets=[target])
        return queue


def _parameters(template: dict[str, Any]) -> dict[str, str]:
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    return defaults | ACCESS


def _deploy(cloudformation: Any, template: dict[str, Any]) -> dict[str, str]:
    """Deploys tables and bus; returns their names by logical id."""
    kept = {name: it for name, it in template["Resources"].items() if it["Type"] in STATE_TYPES}
    body = {
        "Parameters": template["Parameters"],
        "Conditions": template["Conditions"],
        "Resources": kept,
    }
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
