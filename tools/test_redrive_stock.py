"""Tests of tools/redrive.py for stock with a fake AWS: python -m unittest."""

import unittest

from fake_aws import (
    EVENTS,
    RANGES,
    STOCK_STREAM,
    RedriveTestCase,
    build_event,
    build_failure,
    build_range_message,
    build_stock_record,
    build_stock_report,
)


class RedriveStockTest(RedriveTestCase):
    """Tests of ranges of the Inventory stream, of reports about stock and of deliveries."""

    def test_puts_back_a_delivery_to_the_warehouse(self) -> None:
        detail = '{"receiptId":"r","productId":"001","quantity":5,"reason":"received"}'
        event = build_event("StockReceived", "ecommerce.warehouse", detail)
        self.aws.send(EVENTS, build_failure("Busy", event))
        [row] = self.redrive()
        self.assertEqual((row.event, row.subject, row.result), ("StockReceived", "001", "put back"))
        self.assertEqual((self.aws.events[0]["Source"], self.count_messages()), ("ecommerce.warehouse", 0))

    def test_publishes_the_stock_of_the_products_in_a_range_of_the_inventory_stream(self) -> None:
        self.aws.records = [
            build_stock_record(10, "001"),
            build_stock_record(11, "001#entry", with_revision=False),
            build_stock_record(12, "002"),
            build_stock_record(13, "001"),
            build_stock_record(14, "after"),
        ]
        self.aws.outcomes = {"001": {"outcome": "Published", "eventTypes": ["StockLow", "InventoryUpdated"]}}
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM, endSequenceNumber="13"))
        rows = self.redrive()
        self.assertEqual((self.aws.republished, self.aws.republished_products), ([], [["001", "002"]]))
        self.assertEqual([row.event for row in rows], ["StockLow, InventoryUpdated", ""])
        self.assertEqual({row.reason for row in rows}, {"RetryAttemptsExhausted, in the stream"})
        self.assertEqual((self.count_messages(RANGES), self.aws.scans), (0, []))

    def test_publishes_the_stock_of_every_product_if_the_stream_has_expired(self) -> None:
        self.aws.records = None
        self.aws.scanned_products = [f"product-{number}" for number in range(101)]
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        rows = self.redrive()
        self.assertEqual([len(products) for products in self.aws.republished_products], [100, 1])
        [scan] = self.aws.scans
        self.assertEqual(scan["FilterExpression"], "attribute_exists(Revision)")
        self.assertTrue(scan["ConsistentRead"])
        self.assertEqual((len(rows), self.count_messages(RANGES)), (101, 0))

    def test_keeps_a_range_of_the_inventory_stream_until_all_of_its_stock_is_accepted(self) -> None:
        self.aws.records = [build_stock_record(11, "001"), build_stock_record(12, "gone")]
        self.aws.outcomes = {"001": {"outcome": "NotAccepted"}, "gone": {"outcome": "UnknownProduct"}}
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        rows = self.redrive()
        self.assertEqual(
            [row.result for row in rows], ["left: EventBridge did not accept the event", "no such product"]
        )
        self.assertEqual(([row.failed for row in rows], self.count_messages(RANGES)), ([True, False], 1))
        self.aws.outcomes = {}
        self.redrive()
        self.assertEqual(self.count_messages(RANGES), 0)

    def test_settles_a_range_of_the_inventory_stream_without_stock_items(self) -> None:
        self.aws.records = [build_stock_record(12, "001#entry", with_revision=False)]
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        [row] = self.redrive()
        self.assertEqual((row.result, self.count_messages(RANGES)), ("no product changed", 0))
        self.assertEqual(self.aws.republished_products, [])

    def test_settles_a_report_about_stock_by_publishing_the_stock_of_its_product(self) -> None:
        self.aws.outcomes = {"bad": {"outcome": "Unpublishable", "errorType": "BadItem", "reason": "no"}}
        for product in ["repaired", "bad", None]:
            self.aws.send(EVENTS, build_stock_report(product))
        rows = self.redrive("--all")
        self.assertEqual({row.reason for row in rows}, {"BadItem: no"})
        self.assertEqual([row.subject for row in rows], ["repaired", "bad", ""])
        self.assertEqual([row.result.startswith("left: ") for row in rows], [False, True, True])
        self.assertEqual((self.aws.republished_products, self.aws.events), ([["repaired"], ["bad"]], []))
        self.assertEqual(self.count_messages(), 2)

    def test_a_dry_run_publishes_no_stock(self) -> None:
        self.aws.records = [build_stock_record(12, "001")]
        self.aws.send(RANGES, build_range_message(**STOCK_STREAM))
        self.aws.send(EVENTS, build_stock_report("001"))
        rows = self.redrive("--dry")
        self.assertEqual([row.result for row in rows], ["would be published again"] * 2)
        self.assertEqual(self.aws.republished_products, [])
        self.assertEqual((self.count_messages(), self.count_messages(RANGES)), (1, 1))


if __name__ == "__main__":
    unittest.main()
