"""The template's tables and event bus, without the functions that react to changes."""

import json
from typing import Any

import seed
from emulator import ROOT, create_client

STACK = "state"
# The requests in events/ have no token.
ACCESS = {"ApiAccess": "open"}
STATE_TYPES = {"AWS::DynamoDB::Table", "AWS::Events::EventBus", "AWS::SQS::Queue"}
SEED_ORDERS = ROOT / "seed-data" / "orders.json"
# Statuses of orders whose stock is reserved or sold.
RESERVED = {"Confirmed", "Shipped", "Delivered"}
PUBLISHED_WITHIN_SECONDS = 5


class State:
    """Deployed tables with the seed data, an event bus and queues."""

    def __init__(self, template: dict[str, Any], endpoint: str) -> None:
        """Deploys the tables, the bus and the queues to the AWS at an endpoint, and loads the seed data."""
        self._dynamodb = create_client("dynamodb", endpoint)
        self._sqs = create_client("sqs", endpoint)
        names = _deploy(create_client("cloudformation", endpoint), template)
        self._values = _get_parameters(template) | names | {"AWS::StackName": STACK}
        seed.load_items(self._dynamodb, names)
        self._published_queue = self._create_event_queue(create_client("events", endpoint))

    def resolve_environment(self, properties: dict[str, Any]) -> dict[str, str]:
        """Resolves the environment variables in a function's properties."""
        variables = properties["Environment"]["Variables"]
        return {name: self._values[value["Ref"]] for name, value in variables.items()}

    def put_order(self, status: str) -> None:
        """Stores the order of the seed data with a status."""
        [put] = json.loads(SEED_ORDERS.read_text())["OrdersTable"]
        item = put["PutRequest"]["Item"] | {"OrderStatus": {"S": status}}
        if status in RESERVED:
            item["StockReserved"] = {"BOOL": True}
        self._dynamodb.put_item(TableName=self._values["OrdersTable"], Item=item)

    def get_order_status(self, order_id: str) -> str:
        """Returns the status of an order."""
        response = self._dynamodb.get_item(
            TableName=self._values["OrdersTable"],
            Key={"OrderId": {"S": order_id}},
            ConsistentRead=True,
        )
        return str(response["Item"]["OrderStatus"]["S"])

    def receive_published(self) -> dict[str, Any] | None:
        """Returns the next event on the bus, or None if there is none in time."""
        queue = self._published_queue
        response = self._sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=PUBLISHED_WITHIN_SECONDS)
        for message in response.get("Messages", []):
            self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return dict(json.loads(message["Body"]))
        return None

    def _create_event_queue(self, events: Any) -> str:
        """Creates a queue that receives the events of the bus, and returns its URL."""
        bus = self._values["CustomEventBus"]
        queue = str(self._sqs.create_queue(QueueName="published")["QueueUrl"])
        attributes = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        pattern = json.dumps({"source": ["ecommerce.order", "ecommerce.inventory"]})
        events.put_rule(Name="published", EventBusName=bus, EventPattern=pattern)
        target = {"Id": "published", "Arn": attributes["QueueArn"]}
        events.put_targets(Rule="published", EventBusName=bus, Targets=[target])
        return queue


def _get_parameters(template: dict[str, Any]) -> dict[str, str]:
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    return defaults | ACCESS


def _deploy(cloudformation: Any, template: dict[str, Any]) -> dict[str, str]:
    """Deploys the tables, the bus and the queues, and returns their names and URLs by logical id."""
    resources = {name: resource for name, resource in template["Resources"].items() if resource["Type"] in STATE_TYPES}
    body = {
        "Parameters": template["Parameters"],
        "Conditions": template["Conditions"],
        "Resources": resources,
    }
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    deployed = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in deployed}
