"""Tests of the selection of a stack."""

import os
import unittest
from unittest.mock import patch

from samconfig import read_region
from stack_target import select_stack


class StackTargetTest(unittest.TestCase):
    """A stack on AWS is in the region to which `sam deploy` has deployed it."""

    def test_the_region_of_a_stack_is_in_samconfig(self) -> None:
        with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-west-2"}):
            create_client, name = select_stack(["ecommerce-event-backend-prod"])
            self.assertEqual(create_client("sqs").meta.region_name, "eu-central-1")
        self.assertEqual(name, "ecommerce-event-backend-prod")

    def test_an_unknown_stack_is_in_the_region_of_the_environment(self) -> None:
        self.assertIsNone(read_region("my-stack"))
        with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-west-2"}):
            create_client, _ = select_stack(["my-stack"])
            self.assertEqual(create_client("sqs").meta.region_name, "us-west-2")


if __name__ == "__main__":
    unittest.main()
