"""Tests of the template's parameter InventoryEvents.

python -m unittest discover -s tests/template
"""

import unittest

from event_flow import check_failure_destinations, check_queue_senders, check_rule_targets
from policies import check_no_wildcards, check_roles, list_allowed_actions
from required_properties import check_required_properties
from template import (
    CONSUMER,
    INVENTORY_STREAM,
    INVENTORY_STREAM_AGE_ALARM,
    UNRELAYED,
    Resources,
    apply_conditions,
    get_at,
    get_properties,
    load_template,
)

TEMPLATE = load_template()
RESOURCES: Resources = apply_conditions(TEMPLATE["Resources"], UNRELAYED)


class StockEventsTest(unittest.TestCase):
    """Tests of the parameter, and of the template with InventoryEvents=none."""

    def test_publishes_all_events_by_default(self) -> None:
        """The parameter has three values, and the function receives the chosen one."""
        parameter = TEMPLATE["Parameters"]["InventoryEvents"]
        self.assertEqual((parameter["Default"], parameter["AllowedValues"]), ("all", ["all", "thresholds", "none"]))
        variables = get_at(get_properties(RESOURCES, CONSUMER), ("Environment", "Variables"))
        self.assertEqual(variables["INVENTORY_EVENTS"], {"Ref": "InventoryEvents"})
        self.assertEqual(variables["EVENT_BUS_NAME"], {"Ref": "CustomEventBus"})

    def test_only_none_removes_the_relay(self) -> None:
        """The condition depends on the parameter alone, and guards the mapping and its alarm."""
        condition = {"Fn::Not": [{"Fn::Equals": [{"Ref": "InventoryEvents"}, "none"]}]}
        self.assertEqual(TEMPLATE["Conditions"]["StockIsRelayed"], condition)
        guarded = {
            name for name, resource in TEMPLATE["Resources"].items() if resource.get("Condition") == "StockIsRelayed"
        }
        self.assertEqual(guarded, {INVENTORY_STREAM, INVENTORY_STREAM_AGE_ALARM})

    def test_none_leaves_no_mapping_and_no_permission_for_the_stream(self) -> None:
        """Without stock events, nothing reads the stream. The function can still republish stock."""
        self.assertNotIn(INVENTORY_STREAM, RESOURCES)
        self.assertNotIn(INVENTORY_STREAM_AGE_ALARM, RESOURCES)
        allowed = list_allowed_actions(RESOURCES, "InventoryServiceRole")
        self.assertNotIn("InventoryTable.StreamArn", allowed)
        self.assertNotIn("RelayDeadLetterQueue.Arn", allowed)
        self.assertEqual(allowed["CustomEventBus.Arn"], {"events:PutEvents"})

    def test_none_passes_the_other_checks(self) -> None:
        """The rest of the template is as with stock events."""
        checks = [
            check_required_properties,
            check_no_wildcards,
            check_roles,
            check_rule_targets,
            check_queue_senders,
            check_failure_destinations,
        ]
        for check in checks:
            with self.subTest(check.__name__):
                self.assertEqual(list(check(RESOURCES)), [])

    def test_the_stream_has_both_images(self) -> None:
        """A crossed level is computed from the old and the new image."""
        stream = get_properties(RESOURCES, "InventoryTable")["StreamSpecification"]
        self.assertEqual(stream, {"StreamViewType": "NEW_AND_OLD_IMAGES"})

    def test_changes_are_collected_before_they_are_published(self) -> None:
        """Large batches and a window leave more changes of a product to one InventoryUpdated."""
        mapping = TEMPLATE["Resources"][INVENTORY_STREAM]["Properties"]
        self.assertGreaterEqual(mapping["BatchSize"], 100)
        self.assertEqual(mapping["MaximumBatchingWindowInSeconds"], 1)


if __name__ == "__main__":
    unittest.main()
