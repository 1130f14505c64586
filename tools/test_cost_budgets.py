"""Tests of the budgets of an order."""

import copy
import unittest

import cost_model as model
from cost_budgets import build_budgets, list_exceeded

ORDER = model.load_counts()["oneLine"]


class BudgetTest(unittest.TestCase):
    """Each budget is met, and notices an order that costs more."""

    def exceeded(self, *path: str, add: int) -> list[str]:
        """Returns the names of the budgets that an order with one larger count exceeds."""
        order = copy.deepcopy(ORDER)
        counts = order
        for key in path[:-1]:
            counts = counts[key]
        counts[path[-1]] += add
        return [line.partition(":")[0] for line in list_exceeded(build_budgets(order))]

    def test_the_measured_order_meets_every_budget(self) -> None:
        """No budget is exceeded."""
        self.assertEqual(list_exceeded(build_budgets(ORDER)), [])

    def test_notices_more_log_bytes(self) -> None:
        """A longer line exceeds the budget of log bytes."""
        self.assertIn("log bytes until the stock is reserved", self.exceeded("steps", "place", "logBytes", add=200))

    def test_notices_more_write_units(self) -> None:
        """One more unit exceeds the budget of the reservation."""
        exceeded = self.exceeded("steps", "reserve", "writes", "orders", add=1)
        self.assertIn("$ until the stock is reserved, at a few orders per second", exceeded)

    def test_notices_full_batches_that_save_little(self) -> None:
        """A full batch with as many log bytes as single records saves too little."""
        exceeded = self.exceeded("fullRelayBatch", "logBytes", add=20_000)
        self.assertEqual(exceeded, ["$ that full relay batches save of that"])

    def test_notices_a_second_unit_of_the_index_of_orders_to_ship(self) -> None:
        """One more unit of the index exceeds the budget of fulfillment."""
        [name] = self.exceeded("steps", "reserve", "writes", "orders/OrdersToShip", add=1)
        self.assertTrue(name.startswith("$ added by OrderConfirmed"), name)


if __name__ == "__main__":
    unittest.main()
