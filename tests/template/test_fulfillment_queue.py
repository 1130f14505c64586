"""Tests of the template with FulfillmentQueue=on.

python -m unittest discover -s tests/template
"""

import unittest

from event_flow import check_failure_destinations, check_invokers
from fulfillment_queue import (
    FULFILLMENT_RESOURCES,
    RULE,
    TO_SHIP,
    TO_SHIP_DEAD_LETTERS,
    check_rule,
    check_to_ship_alarms,
    check_to_ship_queues,
    check_to_ship_senders,
)
from mutations import CheckTests, Mutation, append_to_property, remove_property, remove_resource, set_property
from policies import check_exact_permissions
from required_properties import check_required_properties
from template import (
    QUEUED_FULFILLMENT,
    TO_SHIP_AGE_ALARM,
    TO_SHIP_DEPTH_ALARM,
    Resources,
    apply_conditions,
    load_template,
)

TEMPLATE = load_template()
RESOURCES: Resources = apply_conditions(TEMPLATE["Resources"], QUEUED_FULFILLMENT)

STATEMENT = ("PolicyDocument", "Statement", 0)

CHECKS = [check_rule, check_to_ship_queues, check_to_ship_senders, check_to_ship_alarms]

MUTATIONS = [
    Mutation("every event", check_rule, remove_property(RULE, "EventPattern", "detail-type")),
    Mutation("another event", check_rule, append_to_property(RULE, "EventPattern", "detail-type", value="OrderPlaced")),
    Mutation("undeliverable orders lost", check_rule, remove_property(RULE, "Targets", 0, "DeadLetterConfig")),
    Mutation("a second target", check_rule, append_to_property(RULE, "Targets", value={"Id": "other"})),
    Mutation("unencrypted messages", check_to_ship_queues, remove_property(TO_SHIP, "SqsManagedSseEnabled")),
    Mutation("messages delivered for ever", check_to_ship_queues, remove_property(TO_SHIP, "RedrivePolicy")),
    Mutation(
        "dead letters lost after four days",
        check_to_ship_queues,
        remove_property(TO_SHIP_DEAD_LETTERS, "MessageRetentionPeriod"),
    ),
    Mutation(
        "any rule as the sender",
        check_to_ship_senders,
        remove_property(f"{TO_SHIP}Policy", *STATEMENT, "Condition"),
    ),
    Mutation(
        "no policy of the dead-letter queue",
        check_to_ship_senders,
        remove_resource(f"{TO_SHIP_DEAD_LETTERS}Policy"),
    ),
    Mutation("the age alarm removed", check_to_ship_alarms, remove_resource(TO_SHIP_AGE_ALARM)),
    Mutation("a higher depth", check_to_ship_alarms, set_property(TO_SHIP_DEPTH_ALARM, "Threshold", value=1)),
    Mutation("an alarm without actions", check_to_ship_alarms, remove_property(TO_SHIP_DEPTH_ALARM, "AlarmActions")),
]


class FulfillmentQueueTest(CheckTests, unittest.TestCase):
    """Tests of the template with a queue of confirmed orders."""

    maxDiff = None
    resources = RESOURCES
    checks = CHECKS
    mutations = MUTATIONS

    def test_there_is_no_queue_by_default(self) -> None:
        """The resources exist only with the value on."""
        parameter = TEMPLATE["Parameters"]["FulfillmentQueue"]
        self.assertEqual((parameter["Default"], parameter["AllowedValues"]), ("off", ["off", "on"]))
        condition = {"Fn::Equals": [{"Ref": "FulfillmentQueue"}, "on"]}
        self.assertEqual(TEMPLATE["Conditions"]["FulfillmentIsQueued"], condition)
        conditional = {
            name
            for name, resource in TEMPLATE["Resources"].items()
            if resource.get("Condition") == "FulfillmentIsQueued"
        }
        self.assertEqual(conditional, FULFILLMENT_RESOURCES)

    def test_the_outputs_name_the_queues(self) -> None:
        """A warehouse finds its queue in the outputs of the stack."""
        for output, queue in (
            ("FulfillmentQueueUrl", TO_SHIP),
            ("FulfillmentDeadLetterQueueUrl", TO_SHIP_DEAD_LETTERS),
        ):
            expected = {"Value": {"Ref": queue}, "Condition": "FulfillmentIsQueued"}
            actual = TEMPLATE["Outputs"][output]
            self.assertEqual({name: actual[name] for name in expected}, expected)

    def test_the_queue_changes_nothing_else(self) -> None:
        """The functions neither read the queue nor get other permissions."""
        for check in (check_required_properties, check_exact_permissions, check_invokers, check_failure_destinations):
            with self.subTest(check.__name__):
                self.assertEqual(list(check(RESOURCES)), [])


if __name__ == "__main__":
    unittest.main()
