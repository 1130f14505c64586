"""Tests of the queue of events that met contention or an unavailable table.

python -m unittest discover -s tests/template
"""

import unittest

from mutations import CheckTests, Mutation, remove_property, remove_resource, set_property
from order_event_queue import (
    BATCHES,
    ORDER_EVENT_QUEUE,
    check_batches,
    check_environment,
    check_events_failed_alarm,
    check_queue,
    check_queue_age_alarm,
    check_sender,
)
from template import (
    CONSUMER,
    DEFAULTS,
    EVENTS_FAILED_ALARM,
    QUEUE_AGE_ALARM,
    Resources,
    apply_conditions,
    load_template,
)

TEMPLATE = load_template()
RESOURCES: Resources = apply_conditions(TEMPLATE["Resources"], DEFAULTS)

STATEMENT = ("PolicyDocument", "Statement", 0)
VARIABLES = ("Environment", "Variables")

CHECKS = [
    check_sender,
    check_queue,
    check_environment,
    check_batches,
    check_queue_age_alarm,
    check_events_failed_alarm,
]

MUTATIONS = [
    Mutation("any rule as the sender", check_sender, remove_property("OrderEventQueuePolicy", *STATEMENT, "Condition")),
    Mutation("the policy of the queue removed", check_sender, remove_resource("OrderEventQueuePolicy")),
    Mutation("unencrypted messages", check_queue, set_property(ORDER_EVENT_QUEUE, "SqsManagedSseEnabled", value=False)),
    Mutation("a short visibility timeout", check_queue, set_property(ORDER_EVENT_QUEUE, "VisibilityTimeout", value=30)),
    Mutation("a longer timeout of the function", check_queue, set_property(CONSUMER, "Timeout", value=60)),
    Mutation(
        "fewer deliveries than the function's age limit needs",
        check_queue,
        set_property(ORDER_EVENT_QUEUE, "RedrivePolicy", "maxReceiveCount", value=100),
    ),
    Mutation("unlimited retries", check_queue, remove_property(ORDER_EVENT_QUEUE, "RedrivePolicy")),
    Mutation(
        "another queue for the events",
        check_environment,
        set_property(CONSUMER, *VARIABLES, "ORDER_EVENT_QUEUE_URL", value={"Ref": "RelayDeadLetterQueue"}),
    ),
    Mutation(
        "no queue for dead letters",
        check_environment,
        remove_property(CONSUMER, *VARIABLES, "DEAD_LETTER_QUEUE_URL"),
    ),
    Mutation("batches that are too large", check_batches, set_property(BATCHES, "BatchSize", value=100)),
    Mutation("one failure for the whole batch", check_batches, remove_property(BATCHES, "FunctionResponseTypes")),
    Mutation("unlimited concurrency", check_batches, remove_property(BATCHES, "ScalingConfig")),
    Mutation("the event source mapping removed", check_batches, remove_resource(BATCHES)),
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
]


class OrderEventQueueTest(CheckTests, unittest.TestCase):
    """Tests of the queue and of its consumer."""

    maxDiff = None
    resources = RESOURCES
    checks = CHECKS
    mutations = MUTATIONS

    def test_no_parameter_selects_the_delivery(self) -> None:
        """The queue exists in every stack, because any event may need it."""
        self.assertFalse({"EventDelivery", "BatchConcurrency"} & TEMPLATE["Parameters"].keys())
        for name in (ORDER_EVENT_QUEUE, BATCHES, QUEUE_AGE_ALARM, EVENTS_FAILED_ALARM):
            self.assertNotIn("Condition", TEMPLATE["Resources"][name])


if __name__ == "__main__":
    unittest.main()
