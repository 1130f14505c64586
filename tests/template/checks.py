"""What must hold of the template. Each check yields a line for each breach."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from deployed import Properties, Resources, as_list, at, of_type, referred, section, shown

Check = Callable[[Resources], Iterator[str]]

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"
TABLE = "AWS::DynamoDB::Table"
ROLE = "AWS::IAM::Role"
ALARM = "AWS::CloudWatch::Alarm"
MAPPING = "AWS::Lambda::EventSourceMapping"
RULE = "AWS::Events::Rule"
PERMISSION = "AWS::Lambda::Permission"
INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"
QUEUE_POLICY = "AWS::SQS::QueuePolicy"
USER_POOL = "AWS::Cognito::UserPool"

CONSUMER = "InventoryServiceFunction"
ORDER_EVENT_RULE = "OrderEventRule"
UNHANDLED_EVENT_RULE = "UnhandledEventRule"
BUS = "CustomEventBus"

# Only there with a queue before the consumer, see test_batched.py.
BATCHED_ALARM = "OrderEventQueueAgeAlarm"
FAILED_ALARM = "EventsFailedAlarm"

# For values of which there need only be one.
ANY = object()

# Properties that every resource of a type must have, with their values.
REQUIRED: dict[str, dict[tuple[str | int, ...], Any]] = {
    FUNCTION: {
        ("TracingConfig", "Mode"): "Active",
        ("LoggingConfig", "LogGroup"): ANY,
        ("LoggingConfig", "LogFormat"): "JSON",
        # Any other would have Lambda drop metrics, which have no level.
        ("LoggingConfig", "ApplicationLogLevel"): "TRACE",
        ("Role",): ANY,
        ("Timeout",): ANY,
    },
    QUEUE: {
        ("SqsManagedSseEnabled",): True,
        ("MessageRetentionPeriod",): 14 * 24 * 3600,
    },
    TABLE: {
        ("BillingMode",): "PAY_PER_REQUEST",
        ("SSESpecification", "SSEEnabled"): True,
        ("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"): True,
        ("DeletionProtectionEnabled",): ANY,
    },
    "AWS::Logs::LogGroup": {("RetentionInDays",): 30},
    "AWS::ApiGateway::Stage": {
        ("TracingEnabled",): True,
        ("MethodSettings", 0, "ThrottlingRateLimit"): {"Ref": "StageRate"},
        ("MethodSettings", 0, "ThrottlingBurstLimit"): {"Ref": "StageBurst"},
    },
    "AWS::ApiGateway::UsagePlan": {
        ("Throttle", "RateLimit"): {"Ref": "ClientRate"},
        ("Throttle", "BurstLimit"): {"Ref": "ClientBurst"},
    },
    # Users are named like customers, so none may make one for themself, and case matters.
    USER_POOL: {
        ("AdminCreateUserConfig", "AllowAdminCreateUserOnly"): True,
        ("UsernameConfiguration", "CaseSensitive"): True,
        ("DeletionProtection",): ANY,
    },
    MAPPING: {
        ("FunctionResponseTypes",): ["ReportBatchItemFailures"],
        ("BisectBatchOnFunctionError",): True,
        ("MaximumRetryAttempts",): 100,
        ("MaximumRecordAgeInSeconds",): 3600,
        ("FilterCriteria", "Filters", 0, "Pattern"): ANY,
        ("DestinationConfig", "OnFailure", "Destination"): ANY,
    },
    RULE: {
        ("EventBusName",): {"Ref": BUS},
        ("EventPattern", "source"): ["ecommerce.order"],
    },
    INVOKE_CONFIG: {
        ("MaximumRetryAttempts",): 2,
        ("MaximumEventAgeInSeconds",): 3600,
        ("DestinationConfig", "OnFailure", "Destination"): {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
    },
    ALARM: {
        ("AlarmDescription",): ANY,
        ("TreatMissingData",): "notBreaching",
        ("AlarmActions", "Fn::If", 0): "AlarmsAreSent",
        ("OKActions", "Fn::If", 0): "AlarmsAreSent",
        ("Threshold",): ANY,
        ("Period",): ANY,
        ("EvaluationPeriods",): ANY,
    },
    PERMISSION: {
        ("Action",): "lambda:InvokeFunction",
        ("SourceArn",): ANY,
    },
}

# X-Ray's write actions know no resources. This is the one statement on any.
TRACING = {
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",
}
TRACING_POLICY = "Tracing"

_LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
_TRACED = {"*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}}

# What each function does, on what.
USES: dict[str, dict[str, set[str]]] = {
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
        "CustomersTable.Arn": {"dynamodb:BatchGetItem", "dynamodb:GetItem"},
        "ProductsTable.Arn": {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Scan"},
        "OrdersTable.StreamArn": {
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        },
        "CustomEventBus.Arn": {"events:PutEvents"},
        "RelayDeadLetterQueue.Arn": {"sqs:SendMessage"},
    }
    | _TRACED,
    "InventoryServiceFunction": {
        "InventoryServiceLogs.Arn": _LOGGING,
        "OrdersTable.Arn": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "InventoryTable.Arn": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "DeadLetterQueue.Arn": {"sqs:SendMessage"},
    }
    | _TRACED,
}

# What the dashboard shows beside the state of the functions.
SHOWN = {
    *(("${AWS::StackName}", f"Orders{status}") for status in ("Placed", "Confirmed", "Rejected", "Canceled")),
    ("${AWS::StackName}", "OutboxLag"),
    ("${AWS::StackName}", "ReservationConflicts"),
    ("${AWS::StackName}", "EventsFailed"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
    ("AWS/Lambda", "Duration"),
    ("AWS/Lambda", "IteratorAge"),
    ("AWS/ApiGateway", "5XXError"),
}


def required_properties(resources: Resources) -> Iterator[str]:
    """Every resource has the properties that its type calls for."""
    for kind, wanted in REQUIRED.items():
        found = list(of_type(resources, kind))
        if not found:
            yield f"there is no {kind}"
        for name, properties in found:
            for path, value in wanted.items():
                actual = at(properties, path)
                if actual in (None, "") or (value is not ANY and actual != value):
                    yield f"{name}: {'.'.join(map(str, path))} is {actual!r}"


def documents(resources: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with where it stands."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        # Those of a user pool are about passwords.
        policies = [] if resource["Type"] == USER_POOL else properties.get("Policies", [])
        inline = [(f"{name}.{policy['PolicyName']}", policy) for policy in policies]
        for place, policy in [*inline, (name, properties)]:
            for holder in ("PolicyDocument", "AssumeRolePolicyDocument", "Policy", "KeyPolicy"):
                for statement in as_list(at(policy, (holder, "Statement")) or []):
                    yield place, statement
        # A policy of a bus has its statement without a document around it.
        for statement in as_list(properties.get("Statement", [])):
            yield name, statement


def no_wildcards(resources: Resources) -> Iterator[str]:
    """No policy allows anything on everything, or everything on anything."""
    for place, statement in documents(resources):
        if place.endswith(f".{TRACING_POLICY}") and statement == TRACING:
            continue
        for key in ("Action", "Resource", "Principal"):
            if "*" in json.dumps(statement.get(key)):
                yield f"{place} has a wildcard in {key}: {statement[key]}"
        for key in ("NotAction", "NotResource", "NotPrincipal"):
            if key in statement:
                yield f"{place} has a {key}"


def no_managed_policies(resources: Resources) -> Iterator[str]:
    """No role takes in what others decide about."""
    for name, properties in of_type(resources, ROLE):
        if properties.get("ManagedPolicyArns"):
            yield f"{name} takes in {properties['ManagedPolicyArns']}"
    for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        for name, _ in of_type(resources, kind):
            yield f"{name} is a policy apart from its role"


def roles(resources: Resources) -> Iterator[str]:
    """Each function has a role of its own, which only Lambda can take."""
    users = Counter(referred(properties["Role"]) for _, properties in of_type(resources, FUNCTION))
    for name, properties in of_type(resources, ROLE):
        if users.pop(name, 0) != 1:
            yield f"{name} is not the role of one function"
        trusted = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        if at(properties, ("AssumeRolePolicyDocument", "Statement")) != [trusted]:
            yield f"{name} can be taken by somebody else"
    for name in users:
        yield f"{name} is no role of this template"


def exact_permissions(resources: Resources) -> Iterator[str]:
    """Each function may do what it does, and nothing else."""
    functions = dict(of_type(resources, FUNCTION))
    for name in functions.keys() ^ USES.keys():
        yield f"{name} is in the template or in the list of what functions use, but not in both"
    for name in functions.keys() & USES.keys():
        role = at(resources, (referred(functions[name]["Role"]), "Properties")) or {}
        allowed: dict[str, set[str]] = {}
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                for resource in as_list(statement["Resource"]):
                    allowed.setdefault(shown(resource), set()).update(as_list(statement["Action"]))
        for resource in allowed.keys() | USES[name].keys():
            wanted, actual = USES[name].get(resource, set()), allowed.get(resource, set())
            if wanted != actual:
                yield f"{name} on {resource}: lacks {wanted - actual}, does not need {actual - wanted}"


def alarms_on(resources: Resources, namespace: str, metric: str, **dimensions: str) -> list[Properties]:
    """The alarms on a metric with just these dimensions, which go off when there is too much of it."""
    return [
        alarm
        for _, alarm in of_type(resources, ALARM)
        if (shown(alarm["Namespace"]), alarm["MetricName"]) == (namespace, metric)
        and alarm["ComparisonOperator"].startswith("GreaterThan")
        and {one["Name"]: shown(one["Value"]) for one in alarm["Dimensions"]} == dimensions
    ]


def queue_alarms(resources: Resources) -> Iterator[str]:
    """Each queue has an alarm as soon as there is a message in it."""
    for name, _ in of_type(resources, QUEUE):
        depth = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        alarms = alarms_on(resources, *depth, QueueName=f"{name}.QueueName")
        if not any((it.get("Statistic"), it["Threshold"]) == ("Maximum", 0) for it in alarms):
            yield f"{name} has no alarm on its depth"


def function_alarms(resources: Resources) -> Iterator[str]:
    """Each function has alarms on errors, throttles and the slowest hundredth."""
    for name, _ in of_type(resources, FUNCTION):
        for metric, key, statistic in (
            ("Errors", "Statistic", "Sum"),
            ("Throttles", "Statistic", "Sum"),
            ("Duration", "ExtendedStatistic", "p99"),
        ):
            alarms = alarms_on(resources, "AWS/Lambda", metric, FunctionName=name)
            if not any(it.get(key) == statistic for it in alarms):
                yield f"{name} has no alarm on {metric}"


def flow_alarms(resources: Resources) -> Iterator[str]:
    """The stream, the outbox and the API have theirs."""
    for name, mapping in of_type(resources, MAPPING):
        alarms = alarms_on(resources, "AWS/Lambda", "IteratorAge", FunctionName=shown(mapping["FunctionName"]))
        if not any(it.get("Statistic") == "Maximum" for it in alarms):
            yield f"{name} has no alarm on its age"
    variables = [at(it, ("Environment", "Variables", "METRICS_NAMESPACE")) for _, it in of_type(resources, FUNCTION)]
    for namespace in {shown(variable) for variable in variables if variable}:
        alarms = alarms_on(resources, namespace, "OutboxLag", Service="order-service")
        if not any(it.get("ExtendedStatistic") == "p99" for it in alarms):
            yield f"there is no alarm on the lag of the outbox in {namespace}"
    for name, api in of_type(resources, "AWS::ApiGateway::RestApi"):
        errors = ("AWS/ApiGateway", "5XXError")
        alarms = alarms_on(resources, *errors, ApiName=shown(api["Name"]), Stage="StageName")
        if not any(it.get("Statistic") == "Sum" for it in alarms):
            yield f"{name} has no alarm on its errors"


def log_groups(resources: Resources) -> Iterator[str]:
    """Each function logs to a group of this template."""
    groups = dict(of_type(resources, "AWS::Logs::LogGroup"))
    for name, properties in of_type(resources, FUNCTION):
        if referred(at(properties, ("LoggingConfig", "LogGroup"))) not in groups:
            yield f"{name} logs to a group that is not of this template"


def rule_targets(resources: Resources) -> Iterator[str]:
    """The consumer gets the events of one rule, and what no rule knows goes to the queue."""
    targets = {
        name: [referred(target["Arn"]) for target in properties.get("Targets", [])]
        for name, properties in of_type(resources, RULE)
    }
    if targets != {ORDER_EVENT_RULE: [CONSUMER], UNHANDLED_EVENT_RULE: ["DeadLetterQueue"]}:
        yield f"the targets of the rules are {targets}"
    # Each detail-type falls to one rule, but for what is there for others to hear.
    handled = at(resources, (ORDER_EVENT_RULE, "Properties", "EventPattern", "detail-type")) or []
    unhandled = at(resources, (UNHANDLED_EVENT_RULE, "Properties", "EventPattern", "detail-type"))
    if unhandled != [{"anything-but": [*handled, "OrderRejected"]}]:
        yield f"{UNHANDLED_EVENT_RULE} does not take just what {ORDER_EVENT_RULE} leaves"
    target = at(resources, (ORDER_EVENT_RULE, "Properties", "Targets", 0)) or {}
    if target.get("RetryPolicy") != {"MaximumRetryAttempts": 100, "MaximumEventAgeInSeconds": 3600}:
        yield f"{ORDER_EVENT_RULE} does not try again for an hour"
    if referred(at(target, ("DeadLetterConfig", "Arn"))) != "DeadLetterQueue":
        yield f"{ORDER_EVENT_RULE} does not keep what cannot be delivered"


def invokers(resources: Resources) -> Iterator[str]:
    """Of the bus, only its own rule may invoke the consumer; of APIs, only this one any function."""
    expected_rule = {"Fn::GetAtt": [ORDER_EVENT_RULE, "Arn"]}
    by_rule = 0
    for name, properties in of_type(resources, PERMISSION):
        match properties.get("Principal"):
            case "events.amazonaws.com":
                by_rule += 1
                if referred(properties["FunctionName"]) != CONSUMER or properties.get("SourceArn") != expected_rule:
                    yield f"{name} lets another rule in, or into another function"
            case "apigateway.amazonaws.com":
                _, variables = at(properties, ("SourceArn", "Fn::Sub")) or ("", {})
                if at(variables, ("__ApiId__",)) != {"Ref": "Api"}:
                    yield f"{name} lets another API in"
            case other:
                yield f"{name} lets {other} in"
    if by_rule != 1:
        yield f"{by_rule} permissions let a rule invoke {CONSUMER}"


def queue_senders(resources: Resources) -> Iterator[str]:
    """The dead-letter queue of events takes messages of the bus's own rules alone, and the other of no service."""
    rules = [{"Fn::GetAtt": [rule, "Arn"]} for rule in (ORDER_EVENT_RULE, UNHANDLED_EVENT_RULE)]
    expected = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
    }
    policies = [properties for _, properties in of_type(resources, QUEUE_POLICY)]
    statements = [(properties["Queues"], properties["PolicyDocument"]["Statement"]) for properties in policies]
    if statements != [([{"Ref": "DeadLetterQueue"}], [expected])]:
        yield f"the policies of the queues are {statements}"


def asynchronous_failures(resources: Resources) -> Iterator[str]:
    """What the bus hands over and cannot be handled is kept."""
    configured = {referred(properties["FunctionName"]) for _, properties in of_type(resources, INVOKE_CONFIG)}
    if configured != {CONSUMER}:
        yield f"failed asynchronous invocations are kept for {configured}"
    for name, mapping in of_type(resources, MAPPING):
        if referred(at(mapping, ("DestinationConfig", "OnFailure", "Destination"))) != "RelayDeadLetterQueue":
            yield f"{name} does not keep what cannot be published"


def stream_filter(resources: Resources) -> Iterator[str]:
    """Only orders that have something to publish wake the relay."""
    event = {"M": {"Id": {"S": [{"exists": True}]}}}
    wanted = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"Event": event}}}
    for name, mapping in of_type(resources, MAPPING):
        patterns = [json.loads(one["Pattern"]) for one in at(mapping, ("FilterCriteria", "Filters")) or []]
        if patterns != [wanted]:
            yield f"{name} lets through {patterns}"


def dashboard(resources: Resources) -> Iterator[str]:
    """The dashboard shows what happens to orders and how the functions do."""
    boards = [properties for _, properties in of_type(resources, "AWS::CloudWatch::Dashboard")]
    if len(boards) != 1:
        yield f"there are {len(boards)} dashboards"
        return
    body = shown(boards[0]["DashboardBody"])
    lines = [line for widget in json.loads(body)["widgets"] for line in widget["properties"]["metrics"]]
    for namespace, metric in SHOWN - {(line[0], line[1]) for line in lines}:
        yield f"the dashboard does not show {metric} of {namespace}"
    for kind in (QUEUE, FUNCTION):
        for name, _ in of_type(resources, kind):
            if f"${{{name}" not in body:
                yield f"the dashboard does not show {name}"
    for name in set(re.findall(r"\$\{(\w+)[.}]", body)) - resources.keys() - {"StageName"}:
        yield f"the dashboard shows {name}, which does not exist"


def documented(resources: Resources) -> Iterator[str]:
    """The operators' guide has a heading for each alarm, and knows each metric."""
    headings = set(re.findall(r"^### (\w+Alarm)$", section("Alarms"), re.MULTILINE))
    for name in (headings - {BATCHED_ALARM, FAILED_ALARM}) ^ {name for name, _ in of_type(resources, ALARM)}:
        yield f"{name} is an alarm or has a heading in the operators' guide, but not both"
    known = set(re.findall(r"^\| `(\w+)`", section("Metrics"), re.MULTILINE))
    used = {alarm["MetricName"] for _, alarm in of_type(resources, ALARM) if isinstance(alarm["Namespace"], dict)}
    for _, properties in of_type(resources, "AWS::CloudWatch::Dashboard"):
        used |= set(re.findall(r'"\$\{AWS::StackName\}", "(\w+)", "Service"', shown(properties["DashboardBody"])))
    for name in used - known:
        yield f"{name} is no metric of the operators' guide"


CHECKS: list[Check] = [
    required_properties,
    no_wildcards,
    no_managed_policies,
    roles,
    exact_permissions,
    queue_alarms,
    function_alarms,
    flow_alarms,
    log_groups,
    rule_targets,
    invokers,
    queue_senders,
    asynchronous_failures,
    stream_filter,
    dashboard,
    documented,
]
