//! StockReceived: goods that a warehouse has received are added exactly once.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use domain::StockReceived;
use domain::event::WAREHOUSE_SOURCE;
use test_support::{AwsError, EventDriver, Invocation, TestShop, concurrently, invocation};

use crate::adjustments::add_product;

fn detail(receipt: &str, product: &str, quantity: u32) -> String {
    format!(
        r#"{{"receiptId":"{receipt}","productId":"{product}","quantity":{quantity},"reason":"received"}}"#
    )
}

fn received(receipt: &str, product: &str, quantity: u32) -> Invocation {
    invocation::stock_received(&detail(receipt, product, quantity))
}

/// Applies an event, and returns the `errorType` of a failure.
async fn apply(shop: &TestShop, event: Invocation) -> Option<&'static str> {
    shop.inventory_service().handle(event).await.err().map(|error| error.error_type)
}

/// Publishes events as a warehouse does.
async fn publish(shop: &TestShop, details: &[String]) {
    let client = shop.bus.client();
    for details in details.chunks(10) {
        let entry = |detail: &String| {
            PutEventsRequestEntry::builder()
                .event_bus_name(test_support::BUS_NAME)
                .source(WAREHOUSE_SOURCE)
                .detail_type(StockReceived::DETAIL_TYPE)
                .detail(detail)
                .build()
        };
        let entries = details.iter().map(entry).collect();
        let output = client.put_events().set_entries(Some(entries)).send().await.unwrap();
        assert_eq!(output.failed_entry_count(), 0);
    }
}

#[tokio::test]
async fn adds_the_goods_and_records_the_receipt() {
    let shop = TestShop::seeded().await;
    assert_eq!(apply(&shop, received("r-1", "001", 40)).await, None);
    assert_eq!(shop.stock_of("001").await, 190);
    let ledger = shop.ledger_of("001").await;
    assert_eq!((ledger[1].delta.get(), ledger[1].receipt_id.as_ref().unwrap().as_str()), (40, "r-1"));
    assert_eq!((shop.metrics.sum("StockAdjustments"), shop.metrics.sum("EventsStale")), (1, 0));
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn applies_a_receipt_once_for_each_product() {
    let shop = TestShop::seeded().await;
    for _ in 0..3 {
        for product in ["001", "002"] {
            assert_eq!(apply(&shop, received("r-1", product, 5)).await, None);
        }
    }
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (155, 205));
    assert_eq!((shop.metrics.sum("StockAdjustments"), shop.metrics.sum("EventsStale")), (2, 4));
}

#[tokio::test]
async fn creates_the_stock_of_a_product_of_the_catalog() {
    let shop = TestShop::seeded().await;
    add_product(&shop, "003").await;
    assert_eq!(apply(&shop, received("r-1", "003", 5)).await, None);
    assert_eq!(shop.stock_of("003").await, 5);
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn a_receipt_and_a_key_with_the_same_text_are_different_adjustments() {
    let shop = TestShop::seeded().await;
    let request = crate::adjustments::adjust("001", "001", &crate::adjustments::counted(5));
    assert_eq!(request.send(&shop.inventory_service()).await.status, 201);
    assert_eq!(apply(&shop, received("001", "001", 5)).await, None);
    assert_eq!(shop.stock_of("001").await, 160);
}

#[tokio::test]
async fn rejects_a_receipt_that_was_applied_with_other_content() {
    let shop = TestShop::seeded().await;
    assert_eq!(apply(&shop, received("r-1", "001", 40)).await, None);
    let before = shop.snapshot().await;
    let other_reason = detail("r-1", "001", 40).replace("received", "returned");
    for event in [received("r-1", "001", 41), invocation::stock_received(&other_reason)] {
        assert_eq!(apply(&shop, event).await, Some(inventory_service::RECEIPT_REUSED));
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn reports_an_event_that_can_never_be_applied_by_its_error_type() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let valid = detail("r-1", "001", 40);
    let malformed = [
        "{}".to_owned(),
        detail("r 1", "001", 40),
        detail("r-1", "001#opening-001", 40),
        detail("r-1", "001", 0),
        detail("r-1", "001", 1_000_001),
        valid.replace("40", "-40"),
        valid.replace("40", "1.5"),
        valid.replace("received\"", "stolen\""),
        valid.replace('{', r#"{"detailType":"StockSent","#),
    ];
    for detail in &malformed {
        let error = apply(&shop, invocation::stock_received(detail)).await;
        assert_eq!(error, Some(inventory_service::MALFORMED_EVENT), "{detail}");
    }
    let other_type = invocation::event_from(WAREHOUSE_SOURCE, "StockSent", &valid);
    assert_eq!(apply(&shop, other_type).await, Some(inventory_service::MALFORMED_EVENT));
    let version = invocation::stock_received(r#"{"metadata":{"schemaVersion":2}}"#);
    assert_eq!(apply(&shop, version).await, Some(inventory_service::UNKNOWN_VERSION));
    let unknown = received("r-1", "404", 40);
    assert_eq!(apply(&shop, unknown).await, Some(inventory_service::UNKNOWN_PRODUCT));
    assert_eq!(shop.snapshot().await, before);
    assert_eq!(shop.metrics.failures(inventory_service::UNKNOWN_PRODUCT), 1);
}

#[tokio::test]
async fn an_order_event_of_the_warehouse_is_malformed() {
    let shop = TestShop::seeded().await;
    let detail = r#"{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped"}"#;
    let event = invocation::event_from(WAREHOUSE_SOURCE, "OrderShipped", detail);
    assert_eq!(apply(&shop, event).await, Some(inventory_service::MALFORMED_EVENT));
}

#[tokio::test]
async fn fails_as_busy_without_dynamodb_and_queue_and_applies_once_afterwards() {
    let shop = TestShop::seeded().await;
    shop.queues.on("SendMessage").always().fail(AwsError::unavailable());
    let conflict = AwsError::transaction_canceled(&["None", "TransactionConflict"]);
    for error in [AwsError::throttled(), conflict, AwsError::unavailable()] {
        shop.proxy.on("TransactWriteItems").always().fail(error);
        assert_eq!(apply(&shop, received("r-1", "001", 40)).await, Some(inventory_service::BUSY));
        shop.proxy.reset();
    }
    assert_eq!(shop.stock_of("001").await, 150);
    assert_eq!(apply(&shop, received("r-1", "001", 40)).await, None);
    assert_eq!(shop.stock_of("001").await, 190);
}

#[tokio::test]
async fn applies_once_after_a_crash_at_any_call() {
    for n in 1..=2 {
        for takes_effect in [false, true] {
            let shop = TestShop::seeded().await;
            add_product(&shop, "003").await;
            shop.queues.on("SendMessage").always().fail(AwsError::unavailable());
            let rule = shop.proxy.on_any_call().nth(n).always();
            if takes_effect {
                rule.drop_response();
            } else {
                rule.drop_request();
            }
            assert_eq!(apply(&shop, received("r-1", "003", 7)).await, Some(inventory_service::BUSY));
            shop.proxy.reset();
            for _ in 0..2 {
                assert_eq!(apply(&shop, received("r-1", "003", 7)).await, None);
                assert_eq!(shop.stock_of("003").await, 7, "call {n}, takes effect: {takes_effect}");
            }
            shop.assert_ledger_invariant().await;
        }
    }
}

#[tokio::test]
async fn a_thousand_duplicated_and_shuffled_events_apply_once_each() {
    let shop = TestShop::seeded().await.without_streams().await;
    let details = (0..125).flat_map(|n| ["001", "002"].map(|id| detail(&format!("r-{n}"), id, n + 1)));
    let mut deliveries: Vec<_> = details.flat_map(|detail| vec![detail; 4]).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut deliveries);
    assert_eq!(deliveries.len(), 1000);
    let service = shop.inventory_service();
    for detail in deliveries {
        service.handle(invocation::stock_received(&detail)).await.unwrap();
    }
    let added: u64 = (1..=125).sum();
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (150 + added, 200 + added));
    assert_eq!((shop.metrics.sum("StockAdjustments"), shop.metrics.sum("EventsStale")), (250, 750));
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn concurrent_duplicates_apply_once_each() {
    let shop = TestShop::seeded().await.without_streams().await;
    let service = shop.inventory_service();
    let events = (0..100).map(|n| service.handle(received(&format!("r-{}", n % 10), "001", 3)));
    let failed = concurrently(events).await.into_iter().filter_map(Result::err);
    // On a busy machine, a call can outlast its timeout. Lambda then delivers the event again.
    assert!(failed.into_iter().all(|error| error.error_type == inventory_service::BUSY));
    for n in 0..10 {
        assert_eq!(apply(&shop, received(&format!("r-{n}"), "001", 3)).await, None);
    }
    assert_eq!((shop.stock_of("001").await, shop.ledger_of("001").await.len()), (180, 11));
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn keeps_each_poison_event_once_with_its_reason_and_applies_the_next() {
    let shop = TestShop::seeded().await;
    let mut driver = EventDriver::new(&shop).await;
    assert_eq!(apply(&shop, received("r-0", "001", 1)).await, None);
    let poison = [
        ("{}".to_owned(), inventory_service::MALFORMED_EVENT),
        (r#"{"metadata":{"schemaVersion":2}}"#.to_owned(), inventory_service::UNKNOWN_VERSION),
        (detail("r-1", "404", 40), inventory_service::UNKNOWN_PRODUCT),
        (detail("r-0", "001", 2), inventory_service::RECEIPT_REUSED),
    ];
    let mut details: Vec<_> = poison.iter().map(|(detail, _)| detail.clone()).collect();
    details.push(detail("r-2", "001", 9));
    publish(&shop, &details).await;
    driver.run().await;
    let dead_letters: Vec<_> = driver
        .dead_letters()
        .iter()
        .map(|letter| (letter.event.detail_text().to_owned(), letter.error.error_type))
        .collect();
    assert_eq!(dead_letters, poison);
    assert!(driver.dead_letters().iter().all(|letter| !letter.error.message.is_empty()));
    assert_eq!(shop.stock_of("001").await, 160);
}
