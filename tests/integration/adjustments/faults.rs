//! Adjustments while calls fail. Each applies exactly once, however often it is repeated.

use domain::StockAdjustment;
use test_support::{AwsError, TestShop};

use super::{add_product, adjust, counted, send};

const CONFLICT: &str = "TransactionConflict";

/// Asserts that product 003 has exactly one adjustment of 7 units.
async fn assert_applied_once(shop: &TestShop, when: &str) {
    let deltas: Vec<_> = shop.ledger_of("003").await.iter().map(|entry| entry.delta.get()).collect();
    assert_eq!(deltas, [7], "{when}");
    assert_eq!(shop.stock_of("003").await, 7, "{when}");
    shop.assert_ledger_invariant().await;
}

async fn shop_with_new_product() -> TestShop {
    let shop = TestShop::seeded().await;
    add_product(&shop, "003").await;
    shop
}

#[tokio::test]
async fn retries_conflicts_and_throttling_of_a_transaction() {
    let shop = TestShop::seeded().await;
    for reasons in [[CONFLICT, "None"], ["None", CONFLICT], ["None", "ThrottlingError"]] {
        shop.proxy.on("TransactWriteItems").fail(AwsError::transaction_canceled(&reasons));
    }
    shop.proxy.on("TransactWriteItems").fail(AwsError::throttled());
    assert_eq!(send(&shop, adjust("001", "k1", &counted(5))).await.status, 201);
    assert_eq!(shop.stock_of("001").await, 155);
    assert_eq!(shop.metrics.sum("ReservationConflicts"), 3);
    assert_eq!(shop.metrics.sum("StockAdjustments"), 1);
}

#[tokio::test]
async fn returns_busy_when_conflicts_persist_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for error in [AwsError::transaction_canceled(&["None", CONFLICT]), AwsError::throttled()] {
        shop.proxy.on("TransactWriteItems").always().fail(error);
        let response = send(&shop, adjust("001", "k1", &counted(5))).await;
        assert_eq!(response.problem(), (503, "busy".into()));
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(shop.snapshot().await, before);
        shop.proxy.reset();
    }
    assert_eq!(send(&shop, adjust("001", "k1", &counted(5))).await.status, 201);
    assert_eq!(shop.stock_of("001").await, 155);
}

#[tokio::test]
async fn applies_once_when_a_response_is_lost() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("TransactWriteItems").drop_response();
    assert_eq!(send(&shop, adjust("001", "k1", &counted(5))).await.status, 201);
    assert_eq!((shop.stock_of("001").await, shop.proxy.calls("TransactWriteItems")), (155, 2));
    assert_eq!(shop.metrics.sum("StockAdjustments"), 1);
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn returns_the_first_response_after_a_request_without_one() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("TransactWriteItems").always().drop_response();
    assert_eq!(send(&shop, adjust("001", "k1", &counted(5))).await.problem(), (503, "busy".into()));
    shop.proxy.reset();
    let recorded: Vec<StockAdjustment> = shop.ledger_of("001").await;
    let again = send(&shop, adjust("001", "k1", &counted(5))).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.json()["createdAt"], recorded[1].created_at.to_string());
    assert_eq!(shop.stock_of("001").await, 155);
}

/// Creating a stock item takes two transactions: the first finds no stock item. From call `n` on, all
/// calls are lost, as for a function that is killed. Then the client repeats the request.
#[tokio::test]
async fn creates_stock_once_after_a_crash_at_any_call() {
    for n in 1..=2 {
        for takes_effect in [false, true] {
            let shop = shop_with_new_product().await;
            let rule = shop.proxy.on_any_call().nth(n).always();
            if takes_effect {
                rule.drop_response();
            } else {
                rule.drop_request();
            }
            let response = send(&shop, adjust("003", "k1", &counted(7))).await;
            let when = format!("call {n}, takes effect: {takes_effect}");
            assert_eq!(response.problem(), (503, "busy".into()), "{when}");
            shop.proxy.reset();
            assert_eq!(send(&shop, adjust("003", "k1", &counted(7))).await.status, 201, "{when}");
            assert_applied_once(&shop, &when).await;
            // Another repetition changes nothing.
            assert_eq!(send(&shop, adjust("003", "k1", &counted(7))).await.status, 201, "{when}");
            assert_applied_once(&shop, &when).await;
        }
    }
}

/// The client aborts the request while a call is held, and repeats it.
#[tokio::test]
async fn applies_once_when_the_function_ends_between_any_two_calls() {
    for n in 1..=2 {
        let shop = shop_with_new_product().await;
        let gate = shop.proxy.on_any_call().nth(n).hold_response();
        let request = adjust("003", "k1", &counted(7));
        let service = shop.inventory_service();
        tokio::select! {
            response = request.send(&service) => panic!("{response:?}"),
            () = gate.reached() => {}
        }
        assert_eq!(send(&shop, request).await.status, 201, "call {n}");
        assert_applied_once(&shop, &format!("call {n}")).await;
    }
}

#[tokio::test]
async fn adjusts_stock_that_another_request_creates_meanwhile() {
    let shop = shop_with_new_product().await;
    // The transaction that creates the stock item is held.
    let gate = shop.proxy.on("TransactWriteItems").nth(2).hold_request();
    let service = shop.inventory_service();
    let request = adjust("003", "k1", &counted(7));
    let (response, ()) = tokio::join!(request.send(&service), async {
        gate.reached().await;
        assert_eq!(send(&shop, adjust("003", "k2", &counted(5))).await.status, 201);
        gate.open();
    });
    assert_eq!(response.status, 201);
    assert_eq!((shop.stock_of("003").await, shop.ledger_of("003").await.len()), (12, 2));
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn does_not_create_stock_of_a_product_that_is_deleted_meanwhile() {
    let shop = shop_with_new_product().await;
    let gate = shop.proxy.on("TransactWriteItems").nth(2).hold_request();
    let service = shop.inventory_service();
    let request = adjust("003", "k1", &counted(7));
    let (response, ()) = tokio::join!(request.send(&service), async {
        gate.reached().await;
        shop.delete(&shop.tables.products, "ProductId", "003").await;
        gate.open();
    });
    assert_eq!(response.problem(), (404, "not-found".into()));
    assert!(shop.ledger_of("003").await.is_empty());
    assert!(!shop.snapshot().await.inventory.contains_key("003"));
}
