//! Transactions of a batch that fail: conflicts, changed orders, permanent errors and outages.

use serde_json::json;
use test_support::{AwsError, TestShop};

use super::{CONFLICT, apply, calls, dead_letter_types, status_counts, store_orders_of_one_unit};

#[tokio::test]
async fn applies_orders_one_by_one_after_a_permanent_error() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 3).await;
    shop.proxy.on("TransactWriteItems").fail(AwsError::new(400, "ValidationException", "too large"));
    shop.proxy.on("TransactWriteItems").fail(AwsError::access_denied());
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(dead_letter_types(&shop), ["Internal"]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 2), ("Placed", 1)].into());
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 4}));
}

#[tokio::test]
async fn retries_conflicts_on_a_product() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 2).await;
    let canceled = |reasons: &[&str]| AwsError::transaction_canceled(reasons);
    shop.proxy.on("TransactWriteItems").times(3).fail(canceled(&["None", "None", CONFLICT]));
    shop.proxy.on("TransactWriteItems").fail(canceled(&["None", "None", "ThrottlingError"]));
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 2)].into());
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 5}));
}

#[tokio::test]
async fn confirms_other_orders_before_it_retries_a_conflict_on_an_order() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 3).await;
    shop.proxy
        .on("TransactWriteItems")
        .fail(AwsError::transaction_canceled(&["None", CONFLICT, "None", "None"]));
    let gate = shop.proxy.on("TransactWriteItems").nth(2).hold_request();
    let observe = async {
        gate.reached().await;
        assert_eq!(status_counts(&shop).await, [("Confirmed", 2), ("Placed", 1)].into());
        gate.open();
    };
    assert_eq!(tokio::join!(apply(&shop, &events), observe).0, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 3)].into());
}

#[tokio::test]
async fn applies_orders_one_by_one_after_repeated_condition_failures() {
    let shop = TestShop::seeded().await;
    let events = store_orders_of_one_unit(&shop, 3).await;
    let failed = "ConditionalCheckFailed";
    let changed = AwsError::transaction_canceled(&[failed, failed, failed, "None"]);
    shop.proxy.on("TransactWriteItems").times(6).fail(changed);
    assert_eq!(apply(&shop, &events).await, [""; 0]);
    assert_eq!(status_counts(&shop).await, [("Confirmed", 3)].into());
    assert_eq!(calls(&shop), json!({"TransactWriteItems": 6 + 3}));
}

#[tokio::test]
async fn returns_all_messages_after_persistent_conflicts_or_an_outage() {
    let errors = [AwsError::transaction_canceled(&["None", "None", CONFLICT]), AwsError::unavailable()];
    for error in errors {
        let shop = TestShop::seeded().await;
        let events = store_orders_of_one_unit(&shop, 2).await;
        let before = shop.snapshot().await;
        shop.proxy.on("TransactWriteItems").always().fail(error);
        assert_eq!(apply(&shop, &events).await, ["m0", "m1"]);
        assert_eq!(shop.snapshot().await, before);
        shop.proxy.reset();
        assert_eq!(apply(&shop, &events).await, [""; 0]);
        assert_eq!(status_counts(&shop).await, [("Confirmed", 2)].into());
    }
}
