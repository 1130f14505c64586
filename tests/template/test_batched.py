"""Tests of the template with EventDelivery=batched and EventDelivery=draining.

python -m unittest discover -s tests/template
"""

import unittest

from batched_delivery import (
    BATCHES,
    ORDER_EVENT_QUEUE,
    POLLING,
    QUEUE_RESOURCES,
    check_batches,
    check_events_failed_alarm,
    check_permissions,
    check_queue,
    check_queue_age_alarm,
    check_sender,
    check_target,
)
from mutations import (
    Change,
    CheckTests,
    Mutation,
    add_resource,
    append_to_property,
    remove_property,
    remove_resource,
    set_property,
)
from policies import check_no_managed_policies, check_no_wildcards, check_roles
from template import (
    BATCHED,
    CONSUMER,
    DRAINING,
    EVENTS_FAILED_ALARM,
    ORDER_EVENT_RULE,
    PERMISSION,
    QUEUE_AGE_ALARM,
    Resources,
    apply_conditions,
    get_properties,
    load_template,
)

TEMPLATE = load_template()
RESOURCES: Resources = apply_conditions(TEMPLATE["Resources"], BATCHED)

STATEMENT = ("PolicyDocument", "Statement", 0)


def get_polling_actions(resources: Resources) -> list[str]:
    """Returns the actions on the queue that the consumer's role allows."""
    policies = get_properties(resources, "InventoryServiceRole")["Policies"]
    [policy] = [policy for policy in policies if policy["PolicyName"] == "Batches"]
    [statement] = policy["PolicyDocument"]["Statement"]
    actions: list[str] = statement["Action"]
    return actions


def add_polling_action(action: str) -> Change:
    """Returns a change that allows another action on the queue."""
    return lambda resources: get_polling_actions(resources).append(action)


CHECKS = [
    check_target,
    check_sender,
    check_queue,
    check_batches,
    check_permissions,
    check_queue_age_alarm,
    check_events_failed_alarm,
    check_no_wildcards,
    check_no_managed_policies,
    check_roles,
]

MUTATIONS = [
    Mutation(
        "the function as the target",
        check_target,
        set_property(ORDER_EVENT_RULE, "Targets", 0, "Arn", value={"Ref": CONSUMER}),
    ),
    Mutation(
        "a target without a dead-letter queue",
        check_target,
        remove_property(ORDER_EVENT_RULE, "Targets", 0, "DeadLetterConfig"),
    ),
    Mutation("a second target", check_target, append_to_property(ORDER_EVENT_RULE, "Targets", value={"Id": "other"})),
    Mutation("any rule as the sender", check_sender, remove_property("OrderEventQueuePolicy", *STATEMENT, "Condition")),
    Mutation("the policy of the queue removed", check_sender, remove_resource("OrderEventQueuePolicy")),
    Mutation("unencrypted messages", check_queue, set_property(ORDER_EVENT_QUEUE, "SqsManagedSseEnabled", value=False)),
    Mutation("a short visibility timeout", check_queue, set_property(ORDER_EVENT_QUEUE, "VisibilityTimeout", value=30)),
    Mutation("a longer timeout of the function", check_queue, set_property(CONSUMER, "Timeout", value=60)),
    Mutation("unlimited retries", check_queue, remove_property(ORDER_EVENT_QUEUE, "RedrivePolicy")),
    Mutation("batches that are too large", check_batches, set_property(BATCHES, "BatchSize", value=100)),
    Mutation("one failure for the whole batch", check_batches, remove_property(BATCHES, "FunctionResponseTypes")),
    Mutation("unlimited concurrency", check_batches, remove_property(BATCHES, "ScalingConfig")),
    Mutation("the event source mapping removed", check_batches, remove_resource(BATCHES)),
    Mutation(
        "no permission to delete messages",
        check_permissions,
        lambda resources: get_polling_actions(resources).remove("sqs:DeleteMessage"),
    ),
    Mutation("a permission to purge the queue", check_permissions, add_polling_action("sqs:PurgeQueue")),
    Mutation("a permission for a rule", check_permissions, add_resource(PERMISSION, Principal="events.amazonaws.com")),
    Mutation("the age alarm removed", check_queue_age_alarm, remove_resource(QUEUE_AGE_ALARM)),
    Mutation(
        "the age alarm on another queue",
        check_queue_age_alarm,
        set_property(QUEUE_AGE_ALARM, "Dimensions", value=[]),
    ),
    Mutation("the age alarm without actions", check_queue_age_alarm, remove_property(QUEUE_AGE_ALARM, "AlarmActions")),
    Mutation("the failure alarm removed", check_events_failed_alarm, remove_resource(EVENTS_FAILED_ALARM)),
    Mutation(
        "the failure alarm on another function",
        check_events_failed_alarm,
        set_property(EVENTS_FAILED_ALARM, "Dimensions", value=[]),
    ),
    Mutation(
        "the failure alarm without actions",
        check_events_failed_alarm,
        remove_property(EVENTS_FAILED_ALARM, "AlarmActions"),
    ),
    Mutation("all actions on the queue", check_no_wildcards, add_polling_action("sqs:*")),
    Mutation(
        "a managed policy",
        check_no_managed_policies,
        set_property("InventoryServiceRole", "ManagedPolicyArns", value=["arn:x"]),
    ),
    Mutation(
        "a role outside of the template",
        check_roles,
        set_property(CONSUMER, "Role", value="arn:aws:iam::1:role/x"),
    ),
]


class BatchedTest(CheckTests, unittest.TestCase):
    """Tests of the template with a queue in front of the consumer."""

    maxDiff = None
    resources = RESOURCES
    checks = CHECKS
    mutations = MUTATIONS

    def test_delivery_is_direct_by_default(self) -> None:
        """The queue and its resources do not exist by default."""
        self.assertEqual(TEMPLATE["Parameters"]["EventDelivery"]["Default"], "direct")
        conditional = {
            name for name, resource in TEMPLATE["Resources"].items() if resource.get("Condition") == "QueueIsThere"
        }
        self.assertEqual(conditional, QUEUE_RESOURCES)

    def test_the_condition_for_two_batches_means_two(self) -> None:
        """The number that the event source mapping repeats is the value of the parameter."""
        expected = {"Fn::Equals": [{"Ref": "BatchConcurrency"}, "2"]}
        self.assertEqual(TEMPLATE["Conditions"]["FewestBatches"], expected)

    def test_a_draining_queue_receives_no_events_and_is_still_polled(self) -> None:
        """The rule invokes the function, and the event source mapping polls the queue."""
        draining: Resources = apply_conditions(TEMPLATE["Resources"], DRAINING)
        [target] = get_properties(draining, ORDER_EVENT_RULE)["Targets"]
        self.assertEqual(target["Arn"], {"Fn::GetAtt": [CONSUMER, "Arn"]})
        self.assertIn("OrderEventPermission", draining)
        self.assertLessEqual(QUEUE_RESOURCES, draining.keys())
        for check in (check_queue, check_batches, check_queue_age_alarm, check_events_failed_alarm):
            with self.subTest(check.__name__):
                self.assertEqual(list(check(draining)), [])
        self.assertEqual(set(get_polling_actions(draining)), POLLING)
        self.assertEqual(
            TEMPLATE["Conditions"]["QueueIsThere"],
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "EventDelivery"}, "direct"]}]},
        )


if __name__ == "__main__":
    unittest.main()
