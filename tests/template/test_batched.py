"""With EventDelivery=batched the template keeps its promises too.

python -m unittest discover -s tests/template
"""

import copy
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from checks import (
    ALARM,
    BATCHED_ALARM,
    CONSUMER,
    FAILED_ALARM,
    ORDER_EVENT_RULE,
    PERMISSION,
    USES,
    Check,
    no_managed_policies,
    no_wildcards,
    roles,
)
from deployed import BATCHED, DRAINING, Resources, as_list, at, chosen, section, shown, transformed

TEMPLATE = transformed()
RESOURCES: Resources = chosen(TEMPLATE["Resources"], BATCHED)
QUEUE_AND_ITS_OWN = {"OrderEventQueue", "OrderEventQueuePolicy", "OrderEventBatches", BATCHED_ALARM, FAILED_ALARM}

QUEUE = "OrderEventQueue"
MAX_ACTIONS = 100
POLLING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


def properties(resources: Resources, name: str) -> dict[str, Any]:
    """The properties of a resource; none if there is no such resource."""
    return at(resources, (name, "Properties")) or {}


def differences(actual: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    """What is not as expected; what is not named may be anything."""
    for name, value in expected.items():
        if actual.get(name) != value:
            yield f"{name} is {actual.get(name)!r}"


def target(resources: Resources) -> Iterator[str]:
    """The rule sends events to the queue, tries for an hour, and keeps what cannot be sent."""
    targets = properties(resources, ORDER_EVENT_RULE)["Targets"]
    expected = {
        "Arn": {"Fn::GetAtt": [QUEUE, "Arn"]},
        "RetryPolicy": {"MaximumRetryAttempts": 100, "MaximumEventAgeInSeconds": 3600},
        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}},
    }
    if len(targets) != 1:
        yield f"there are {len(targets)} targets"
    yield from differences(targets[0], expected)


def sender(resources: Resources) -> Iterator[str]:
    """The queue takes messages of that rule, and of nobody else."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [QUEUE, "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [ORDER_EVENT_RULE, "Arn"]}}},
    }
    policy = properties(resources, "OrderEventQueuePolicy")
    if policy.get("Queues") != [{"Ref": QUEUE}] or at(policy, ("PolicyDocument", "Statement")) != [statement]:
        yield f"the policy of the queue is {policy}"


def queue(resources: Resources) -> Iterator[str]:
    """The queue is encrypted, hands out again what fails, and gives it to the dead-letter queue in the end."""
    expected = {
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 14 * 24 * 3600,
        "VisibilityTimeout": 6 * properties(resources, CONSUMER)["Timeout"],
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}, "maxReceiveCount": 5},
    }
    yield from differences(properties(resources, QUEUE), expected)


def batches(resources: Resources) -> Iterator[str]:
    """The consumer gets batches that fit into one transaction, and answers for each message of them."""
    mapping = properties(resources, "OrderEventBatches")
    expected = {
        "EventSourceArn": {"Fn::GetAtt": [QUEUE, "Arn"]},
        "FunctionName": {"Ref": CONSUMER},
        "BatchSize": MAX_ACTIONS - 1,
        "MaximumBatchingWindowInSeconds": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": {"Fn::If": ["FewestBatches", 2, {"Ref": "BatchConcurrency"}]}},
    }
    yield from differences(mapping, expected)
    if TEMPLATE["Conditions"]["FewestBatches"] != {"Fn::Equals": [{"Ref": "BatchConcurrency"}, "2"]}:
        yield "two batches at a time are not two"


def permissions(resources: Resources) -> Iterator[str]:
    """The consumer may poll the queue, and no rule may invoke it."""
    allowed: dict[str, set[str]] = {}
    for policy in properties(resources, "InventoryServiceRole")["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for resource in as_list(statement["Resource"]):
                allowed.setdefault(shown(resource), set()).update(as_list(statement["Action"]))
    if allowed != USES[CONSUMER] | {f"{QUEUE}.Arn": POLLING}:
        yield f"{CONSUMER} may do {allowed}"
    for name, resource in resources.items():
        if resource["Type"] == PERMISSION and resource["Properties"]["Principal"] == "events.amazonaws.com":
            yield f"{name} lets a rule in"


def alarm(resources: Resources) -> Iterator[str]:
    """Somebody is told when events wait for long, and finds what to do."""
    expected = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [QUEUE, "QueueName"]}}],
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 600,
        "TreatMissingData": "notBreaching",
    }
    yield from differences(properties(resources, BATCHED_ALARM), expected)
    yield from heard(resources, BATCHED_ALARM)


def failures(resources: Resources) -> Iterator[str]:
    """Somebody is told when events fail, which the function's errors do not show of a batch."""
    expected = {
        "Namespace": {"Ref": "AWS::StackName"},
        "MetricName": "EventsFailed",
        "Dimensions": [{"Name": "Service", "Value": "inventory-service"}],
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 5,
        "TreatMissingData": "notBreaching",
    }
    yield from differences(properties(resources, FAILED_ALARM), expected)
    yield from heard(resources, FAILED_ALARM)


def heard(resources: Resources, name: str) -> Iterator[str]:
    """An alarm has somebody who hears it, and who finds what to do."""
    if at(resources, (name, "Type")) != ALARM or "AlarmActions" not in properties(resources, name):
        yield f"{name} tells nobody"
    if f"### {name}\n" not in section("Alarms"):
        yield f"{name} is not in the operators' guide"


CHECKS: list[Check] = [
    target,
    sender,
    queue,
    batches,
    permissions,
    alarm,
    failures,
    no_wildcards,
    no_managed_policies,
    roles,
]


def put(name: str, *path: str | int, value: Any) -> Callable[[Resources], Any]:
    """Sets a property of a resource."""

    def mutate(resources: Resources) -> None:
        at(resources, (name, "Properties", *path[:-1]))[path[-1]] = value

    return mutate


def drop(name: str, *path: str | int) -> Callable[[Resources], Any]:
    """Takes out a property of a resource."""
    return lambda it: at(it, (name, "Properties", *path[:-1])).pop(path[-1])


STATEMENT = ("PolicyDocument", "Statement", 0)

MUTATIONS: list[tuple[str, Check, Callable[[Resources], Any]]] = [
    ("the function as target", target, put(ORDER_EVENT_RULE, "Targets", 0, "Arn", value={"Ref": CONSUMER})),
    ("undeliverable events not kept", target, drop(ORDER_EVENT_RULE, "Targets", 0, "DeadLetterConfig")),
    ("a second target", target, lambda it: properties(it, ORDER_EVENT_RULE)["Targets"].append({"Id": "x"})),
    ("any rule may send", sender, drop("OrderEventQueuePolicy", *STATEMENT, "Condition")),
    ("the queue's policy taken out", sender, lambda it: it.pop("OrderEventQueuePolicy")),
    ("messages in plain text", queue, put(QUEUE, "SqsManagedSseEnabled", value=False)),
    ("a visibility timeout that is too short", queue, put(QUEUE, "VisibilityTimeout", value=30)),
    ("a function that takes longer", queue, put(CONSUMER, "Timeout", value=60)),
    ("a poisoned event for ever", queue, drop(QUEUE, "RedrivePolicy")),
    ("batches that do not fit", batches, put("OrderEventBatches", "BatchSize", value=100)),
    ("one failure for all", batches, drop("OrderEventBatches", "FunctionResponseTypes")),
    ("pollers without limit", batches, drop("OrderEventBatches", "ScalingConfig")),
    ("no batches", batches, lambda it: it.pop("OrderEventBatches")),
    ("no right to delete", permissions, lambda it: polling(it).remove("sqs:DeleteMessage")),
    ("a right to purge", permissions, lambda it: polling(it).append("sqs:PurgeQueue")),
    (
        "a rule that invokes the function",
        permissions,
        lambda it: it.update(More={"Type": PERMISSION, "Properties": {"Principal": "events.amazonaws.com"}}),
    ),
    ("no alarm", alarm, lambda it: it.pop(BATCHED_ALARM)),
    ("an alarm on another queue", alarm, put(BATCHED_ALARM, "Dimensions", value=[])),
    ("an alarm that nobody hears", alarm, drop(BATCHED_ALARM, "AlarmActions")),
    ("no alarm on failures", failures, lambda it: it.pop(FAILED_ALARM)),
    ("failures of another function", failures, put(FAILED_ALARM, "Dimensions", value=[])),
    ("failures that nobody hears of", failures, drop(FAILED_ALARM, "AlarmActions")),
    ("everything on the queue", no_wildcards, lambda it: polling(it).append("sqs:*")),
    ("a managed policy", no_managed_policies, put("InventoryServiceRole", "ManagedPolicyArns", value=["arn:x"])),
    ("a role from elsewhere", roles, put(CONSUMER, "Role", value="arn:aws:iam::1:role/x")),
]


def polling(resources: Resources) -> list[str]:
    """What the consumer may do with the queue."""
    policies = properties(resources, "InventoryServiceRole")["Policies"]
    [policy] = [one for one in policies if one["PolicyName"] == "Batches"]
    [statement] = policy["PolicyDocument"]["Statement"]
    actions: list[str] = statement["Action"]
    return actions


class BatchedTest(unittest.TestCase):
    """The template with a queue before the consumer."""

    maxDiff = None

    def test_every_check_holds(self) -> None:
        """The template keeps every promise."""
        for check in CHECKS:
            with self.subTest(check.__name__):
                self.assertEqual(list(check(RESOURCES)), [])

    def test_every_mutation_is_noticed(self) -> None:
        """A promise that is broken is noticed by the check that is there for it."""
        for what, check, mutate in MUTATIONS:
            with self.subTest(f"{what}: {check.__name__}"):
                mutant = copy.deepcopy(RESOURCES)
                mutate(mutant)
                self.assertNotEqual(mutant, RESOURCES, "nothing was changed")
                self.assertNotEqual(list(check(mutant)), [], "nobody noticed")

    def test_no_check_is_without_a_mutation(self) -> None:
        """Each check was seen to fail."""
        self.assertEqual({check.__name__ for _, check, _ in MUTATIONS}, {check.__name__ for check in CHECKS})

    def test_events_come_directly_unless_asked_otherwise(self) -> None:
        """The queue and what belongs to it are not there by default."""
        self.assertEqual(TEMPLATE["Parameters"]["EventDelivery"]["Default"], "direct")
        conditional = {
            name for name, resource in TEMPLATE["Resources"].items() if resource.get("Condition") == "QueueIsThere"
        }
        self.assertEqual(conditional, QUEUE_AND_ITS_OWN)

    def test_a_queue_that_is_drained_gets_nothing_and_is_worked_off(self) -> None:
        """Events go to the function, which may be invoked with them, and the queue has its poller."""
        draining: Resources = chosen(TEMPLATE["Resources"], DRAINING)
        [target_of_rule] = properties(draining, ORDER_EVENT_RULE)["Targets"]
        self.assertEqual(target_of_rule["Arn"], {"Fn::GetAtt": [CONSUMER, "Arn"]})
        self.assertIn("OrderEventPermission", draining)
        self.assertLessEqual(QUEUE_AND_ITS_OWN, draining.keys())
        for check in (queue, batches, alarm, failures):
            with self.subTest(check.__name__):
                self.assertEqual(list(check(draining)), [])
        self.assertEqual(polling(draining), polling(RESOURCES))
        self.assertEqual(
            TEMPLATE["Conditions"]["QueueIsThere"],
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "EventDelivery"}, "direct"]}]},
        )


if __name__ == "__main__":
    unittest.main()
