"""Properties that every resource of a type must have."""

from collections.abc import Iterator
from typing import Any

from template import (
    ALARM,
    BUS,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    INVOKE_CONFIG,
    LOG_GROUP,
    PERMISSION,
    QUEUE,
    RULE,
    TABLE,
    USER_POOL,
    Resources,
    find_by_type,
    get_at,
)

# The property must exist and may have any value.
ANY = object()

# The required values by type and path.
REQUIRED: dict[str, dict[tuple[str | int, ...], Any]] = {
    FUNCTION: {
        ("TracingConfig", "Mode"): "PassThrough",
        ("LoggingConfig", "LogGroup"): ANY,
        ("LoggingConfig", "LogFormat"): "JSON",
        # With any other level, Lambda drops metrics, which have no level.
        ("LoggingConfig", "ApplicationLogLevel"): "TRACE",
        ("LoggingConfig", "SystemLogLevel"): "WARN",
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
    LOG_GROUP: {("RetentionInDays",): {"Ref": "LogRetention"}},
    "AWS::ApiGateway::Stage": {
        ("TracingEnabled",): True,
        ("MethodSettings", 0, "ThrottlingRateLimit"): {"Ref": "StageRate"},
        ("MethodSettings", 0, "ThrottlingBurstLimit"): {"Ref": "StageBurst"},
    },
    "AWS::XRay::SamplingRule": {
        ("SamplingRule", "FixedRate"): 0.01,
        ("SamplingRule", "ReservoirSize"): 0,
        ("SamplingRule", "ServiceName"): {"Fn::Sub": "${AWS::StackName}/${StageName}"},
        ("SamplingRule", "ServiceType"): "AWS::ApiGateway::Stage",
    },
    "AWS::ApiGateway::UsagePlan": {
        ("Throttle", "RateLimit"): {"Ref": "ClientRate"},
        ("Throttle", "BurstLimit"): {"Ref": "ClientBurst"},
    },
    # The name of a user is the id of a customer, so only an administrator creates
    # users, and names are case-sensitive.
    USER_POOL: {
        ("AdminCreateUserConfig", "AllowAdminCreateUserOnly"): True,
        ("UsernameConfiguration", "CaseSensitive"): True,
        ("DeletionProtection",): ANY,
        # Without a verified email, a user cannot recover a password.
        ("AutoVerifiedAttributes",): ["email"],
        ("AccountRecoverySetting", "RecoveryMechanisms"): [{"Name": "verified_email", "Priority": 1}],
        ("MfaConfiguration",): {"Ref": "Mfa"},
    },
    EVENT_SOURCE_MAPPING: {
        ("FunctionResponseTypes",): ["ReportBatchItemFailures"],
        ("BisectBatchOnFunctionError",): True,
        # No count, because calls that fail fast would use it up. The stream has a record for 24 hours.
        ("MaximumRetryAttempts",): -1,
        ("MaximumRecordAgeInSeconds",): 23 * 3600,
        ("FilterCriteria", "Filters", 0, "Pattern"): ANY,
        ("DestinationConfig", "OnFailure", "Destination"): ANY,
    },
    RULE: {
        ("EventBusName",): {"Ref": BUS},
        ("EventPattern", "source"): ANY,
    },
    INVOKE_CONFIG: {
        ("MaximumRetryAttempts",): 2,
        ("MaximumEventAgeInSeconds",): 6 * 3600,
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


def find_with_required(resources: Resources, resource_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the resources of a type that must have its properties.

    The event source mapping of a queue has fewer than that of a stream. Another check covers it.
    """
    for name, properties in find_by_type(resources, resource_type):
        if name != "OrderEventBatches":
            yield name, properties


def check_required_properties(resources: Resources) -> Iterator[str]:
    """Checks that every resource has the required properties of its type."""
    for resource_type, required in REQUIRED.items():
        found = list(find_with_required(resources, resource_type))
        if not found:
            yield f"there is no {resource_type}"
        for name, properties in found:
            for path, expected in required.items():
                actual = get_at(properties, path)
                if actual in (None, "") or (expected is not ANY and actual != expected):
                    yield f"{name}: {'.'.join(map(str, path))} is {actual!r}"
