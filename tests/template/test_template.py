"""The template keeps its promises, and each check notices when one is taken out.

python -m unittest discover -s tests/template
"""

import copy
import tomllib
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from checks import (
    ALARM,
    ANY,
    CHECKS,
    CONSUMER,
    FUNCTION,
    QUEUE,
    REQUIRED,
    Check,
    asynchronous_failures,
    dashboard,
    documented,
    exact_permissions,
    flow_alarms,
    function_alarms,
    invokers,
    log_groups,
    no_managed_policies,
    no_wildcards,
    queue_alarms,
    queue_senders,
    required_properties,
    roles,
    rule_targets,
    stream_filter,
)
from deployed import DIRECT, ROOT, Resources, at, chosen, of_type, transformed

# As it is deployed without parameters; test_batched.py is about the rest.
RESOURCES: Resources = chosen(transformed()["Resources"], DIRECT)

# What is done to the template, and the check that has to notice.
Mutation = tuple[str, Check, Callable[[Resources], Any]]


def put(resources: Resources, name: str, *path: str | int, value: Any) -> None:
    """Sets a property of a resource."""
    at(resources, (name, "Properties", *path[:-1]))[path[-1]] = value


def statement(resources: Resources, role: str, policy: str) -> Any:
    """The first statement of a policy of a role."""
    [found] = [one for one in resources[role]["Properties"]["Policies"] if one["PolicyName"] == policy]
    return found["PolicyDocument"]["Statement"][0]


def permission(**properties: Any) -> dict[str, Any]:
    """A permission to invoke the consumer."""
    invoke = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": CONSUMER}}
    return {"Type": "AWS::Lambda::Permission", "Properties": invoke | properties}


def required_mutations() -> Iterator[Mutation]:
    """Each required property of each resource, taken out and set to something else."""
    for kind, wanted in REQUIRED.items():
        for name, properties in of_type(RESOURCES, kind):
            for path, value in wanted.items():
                where = f"{name}.{'.'.join(map(str, path))}"

                def take_out(it: Resources, name: str = name, path: tuple[str | int, ...] = path) -> None:
                    del at(it, (name, "Properties", *path[:-1]))[path[-1]]

                def change(it: Resources, name: str = name, path: tuple[str | int, ...] = path) -> None:
                    put(it, name, *path, value="something else")

                assert at(properties, path) is not None, where
                yield f"{where} taken out", required_properties, take_out
                if value is not ANY:
                    yield f"{where} changed", required_properties, change


def alarm_mutations() -> Iterator[Mutation]:
    """Each alarm taken out, pointed at nothing, turned round, and left out of the guide."""
    for name, alarm in of_type(RESOURCES, ALARM):
        dimensions = {one["Name"] for one in alarm["Dimensions"]}
        check: Check = flow_alarms
        if "QueueName" in dimensions:
            check = queue_alarms
        elif alarm["MetricName"] in {"Errors", "Throttles", "Duration"}:
            check = function_alarms
        yield f"{name} taken out", check, lambda it, name=name: it.pop(name)
        yield f"{name} taken out of the template only", documented, lambda it, name=name: it.pop(name)
        for nth, dimension in enumerate(alarm["Dimensions"]):
            yield (
                f"{name} with another {dimension['Name']}",
                check,
                lambda it, name=name, nth=nth: put(it, name, "Dimensions", nth, "Value", value={"Ref": "Nothing"}),
            )
        yield (
            f"{name} turned round",
            check,
            lambda it, name=name: put(it, name, "ComparisonOperator", value="LessThanThreshold"),
        )


def permission_mutations() -> Iterator[Mutation]:
    """Each action of each role taken out, and each widened."""
    for name, properties in of_type(RESOURCES, "AWS::IAM::Role"):
        for nth, policy in enumerate(properties["Policies"]):
            for mth, one in enumerate(policy["PolicyDocument"]["Statement"]):
                path = (nth, "PolicyDocument", "Statement", mth)
                where = f"{name}.{policy['PolicyName']}[{mth}]"

                def widen(it: Resources, key: str, value: str, path: Any = path, name: str = name) -> None:
                    put(it, name, "Policies", *path, key, value=value)

                yield (
                    f"{where} taken out",
                    exact_permissions,
                    lambda it, path=path, name=name: at(it, (name, "Properties", "Policies", *path[:-1])).pop(path[-1]),
                )
                yield (
                    f"{where} with another action",
                    exact_permissions,
                    lambda it, widen=widen: widen(it, "Action", "dynamodb:DeleteItem"),
                )
                service = str(one["Action"][0] if isinstance(one["Action"], list) else one["Action"]).split(":")[0]
                yield (
                    f"{where} with every action",
                    no_wildcards,
                    lambda it, widen=widen, service=service: widen(it, "Action", f"{service}:*"),
                )
                if one["Resource"] != "*":
                    yield f"{where} on everything", no_wildcards, lambda it, widen=widen: widen(it, "Resource", "*")


MUTATIONS: list[Mutation] = [
    *required_mutations(),
    *alarm_mutations(),
    *permission_mutations(),
    (
        "tracing on another name",
        no_wildcards,
        lambda it: put(it, "HelloWorldRole", "Policies", 1, "PolicyName", value="X"),
    ),
    (
        "tracing that may do more",
        no_wildcards,
        lambda it: statement(it, "HelloWorldRole", "Tracing")["Action"].append("xray:GetTraceSummaries"),
    ),
    (
        "everything but",
        no_wildcards,
        lambda it: statement(it, "HelloWorldRole", "Logs").update(NotAction="logs:DeleteLogGroup"),
    ),
    (
        "anybody may send to the queue",
        no_wildcards,
        lambda it: put(it, "DeadLetterQueuePolicy", "PolicyDocument", "Statement", 0, "Principal", value="*"),
    ),
    (
        "anybody may put events on the bus",
        no_wildcards,
        lambda it: it.update(
            More={
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents"}},
            }
        ),
    ),
    (
        "a managed policy",
        no_managed_policies,
        lambda it: put(
            it, "HelloWorldRole", "ManagedPolicyArns", value=["arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"]
        ),
    ),
    (
        "a policy apart",
        no_managed_policies,
        lambda it: it.update(More={"Type": "AWS::IAM::Policy", "Properties": {}}),
    ),
    (
        "a shared role",
        roles,
        lambda it: put(it, "HelloWorldFunction", "Role", value={"Fn::GetAtt": ["OrderServiceRole", "Arn"]}),
    ),
    ("a role from elsewhere", roles, lambda it: put(it, "HelloWorldFunction", "Role", value="arn:aws:iam::1:role/x")),
    (
        "a role that another service can take",
        roles,
        lambda it: put(
            it,
            "HelloWorldRole",
            "AssumeRolePolicyDocument",
            "Statement",
            0,
            "Principal",
            value={"Service": "ec2.amazonaws.com"},
        ),
    ),
    ("a function nobody has listed", exact_permissions, lambda it: it.update(More=copy.deepcopy(it[CONSUMER]))),
    (
        "a queue without alarm",
        queue_alarms,
        lambda it: it.update(More={"Type": QUEUE, "Properties": {}}),
    ),
    (
        "a depth that is taken for normal",
        queue_alarms,
        lambda it: put(it, "DeadLetterQueueDepthAlarm", "Threshold", value=100),
    ),
    (
        "a mean duration instead of the slowest",
        function_alarms,
        lambda it: put(it, "OrderServiceDurationAlarm", "ExtendedStatistic", value="p50"),
    ),
    (
        "an alarm in another namespace",
        flow_alarms,
        lambda it: put(it, "OutboxLagAlarm", "Namespace", value="Elsewhere"),
    ),
    (
        "a function that counts elsewhere",
        flow_alarms,
        lambda it: put(it, CONSUMER, "Environment", "Variables", "METRICS_NAMESPACE", value="Elsewhere"),
    ),
    ("a log group taken out", log_groups, lambda it: it.pop("OrderServiceLogs")),
    (
        "a second target",
        rule_targets,
        lambda it: at(it, ("OrderEventRule", "Properties", "Targets")).append(
            {"Id": "x", "Arn": {"Fn::GetAtt": ["OrderServiceFunction", "Arn"]}}
        ),
    ),
    ("the rule taken out", rule_targets, lambda it: it.pop("OrderEventRule")),
    ("the rule for the rest taken out", rule_targets, lambda it: it.pop("UnhandledEventRule")),
    (
        "a detail-type that falls to both rules",
        rule_targets,
        lambda it: at(it, ("OrderEventRule", "Properties", "EventPattern", "detail-type")).append("OrderLost"),
    ),
    (
        "events not delivered again",
        rule_targets,
        lambda it: it["OrderEventRule"]["Properties"]["Targets"][0].pop("RetryPolicy"),
    ),
    (
        "undeliverable events not kept",
        rule_targets,
        lambda it: it["OrderEventRule"]["Properties"]["Targets"][0].pop("DeadLetterConfig"),
    ),
    ("the rule's permission taken out", invokers, lambda it: it.pop("OrderEventPermission")),
    (
        "any rule of the account",
        invokers,
        lambda it: put(it, "OrderEventPermission", "SourceArn", value="arn:aws:events:*:1:rule/*"),
    ),
    (
        "another rule let in",
        invokers,
        lambda it: it.update(
            More=permission(Principal="events.amazonaws.com", SourceArn={"Fn::GetAtt": ["OtherRule", "Arn"]})
        ),
    ),
    (
        "another service let in",
        invokers,
        lambda it: it.update(More=permission(Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket")),
    ),
    (
        "another API let in",
        invokers,
        lambda it: it.update(More=permission(Principal="apigateway.amazonaws.com", SourceArn="arn:aws:execute-api:x")),
    ),
    (
        "a queue that takes messages of any rule",
        queue_senders,
        lambda it: at(it, ("DeadLetterQueuePolicy", "Properties", "PolicyDocument", "Statement"))[0].pop("Condition"),
    ),
    (
        "a queue that takes messages of another rule too",
        queue_senders,
        lambda it: at(
            it,
            (
                "DeadLetterQueuePolicy",
                "Properties",
                "PolicyDocument",
                "Statement",
                0,
                "Condition",
                "ArnEquals",
                "aws:SourceArn",
            ),
        ).append("arn:aws:events:eu-central-1:1:rule/other"),
    ),
    ("the queue's policy taken out", queue_senders, lambda it: it.pop("DeadLetterQueuePolicy")),
    (
        "another sender",
        queue_senders,
        lambda it: at(it, ("DeadLetterQueuePolicy", "Properties", "PolicyDocument", "Statement")).append(
            {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        ),
    ),
    (
        "failed events not kept",
        asynchronous_failures,
        lambda it: it.pop("InventoryServiceFunctionEventInvokeConfig"),
    ),
    (
        "unpublished records kept elsewhere",
        asynchronous_failures,
        lambda it: put(
            it, "OrderServiceFunctionOrderStream", "DestinationConfig", "OnFailure", "Destination", value="arn:x"
        ),
    ),
    (
        "a filter that lets everything through",
        stream_filter,
        lambda it: put(it, "OrderServiceFunctionOrderStream", "FilterCriteria", "Filters", 0, "Pattern", value="{}"),
    ),
    (
        "no filter",
        stream_filter,
        lambda it: it["OrderServiceFunctionOrderStream"]["Properties"].pop("FilterCriteria"),
    ),
    ("no dashboard", dashboard, lambda it: it.pop("Dashboard")),
    (
        "an empty dashboard",
        dashboard,
        lambda it: put(it, "Dashboard", "DashboardBody", "Fn::Sub", value='{"widgets": []}'),
    ),
    ("a function that is not shown", dashboard, lambda it: it.update(More={"Type": FUNCTION, "Properties": {}})),
    (
        "a metric that does not exist",
        documented,
        lambda it: put(it, "OutboxLagAlarm", "MetricName", value="OutboxLagg"),
    ),
    (
        "a dashboard of a metric that does not exist",
        documented,
        lambda it: put(
            it,
            "Dashboard",
            "DashboardBody",
            "Fn::Sub",
            value=it["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"].replace("OrdersPlaced", "OrdersTaken"),
        ),
    ),
]


class TemplateTest(unittest.TestCase):
    """The template as it is, and as it must not become."""

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

    def test_the_api_is_closed_unless_it_is_opened_on_purpose(self) -> None:
        """By itself, in staging and in prod it serves nobody without a token; to try things out, everybody."""
        self.assertEqual(transformed()["Parameters"]["ApiAccess"]["Default"], "cognito")
        environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
        access = {"default": "open", "local": "open", "staging": "cognito", "prod": "cognito"}
        for name, expected in access.items():
            deploy = environments[name]["deploy"]["parameters"]["parameter_overrides"].split()
            with self.subTest(name):
                self.assertEqual([one for one in deploy if one.startswith("ApiAccess=")], [f"ApiAccess={expected}"])

    def test_every_function_knows_whom_the_api_serves(self) -> None:
        """None of them is open by itself."""
        for name, function in of_type(RESOURCES, "AWS::Lambda::Function"):
            with self.subTest(name):
                self.assertEqual(at(function, ("Environment", "Variables", "API_ACCESS")), {"Ref": "ApiAccess"})


if __name__ == "__main__":
    unittest.main()
