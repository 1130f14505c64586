//! The engine keeps the promises of DynamoDB that the functions rely on.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use dynamodb::{Item, number, text};
use test_support::TestShop;

use crate::transactions::{codes, decrement, insert_order, transact};

#[tokio::test]
async fn isolates_a_seeded_shop_from_other_shops() {
    let (shop, other) = (TestShop::seeded().await, TestShop::empty().await);
    let seeded = shop.snapshot().await;
    let ids = |table: &BTreeMap<String, Item>| table.keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(&seeded.orders), ["001"]);
    assert_eq!(ids(&seeded.customers), ["001", "002"]);
    assert_eq!(ids(&seeded.products), ["001", "002"]);
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (150, 200));
    assert_eq!(shop.order("001").await.unwrap().total_amount, Some("279.98".parse().unwrap()));
    assert!(other.snapshot().await.inventory.is_empty());

    shop.set_stock("001", 7).await;
    assert_ne!(shop.snapshot().await, seeded, "a snapshot includes every change");
    assert_eq!(shop.stock_of("001").await, 7);
}

#[tokio::test]
async fn a_failed_condition_changes_nothing_and_returns_the_old_item() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let request = shop.direct_client().put_item().table_name(&shop.tables.inventory);
    let error = request
        .item("ProductId", text("001"))
        .condition_expression("attribute_not_exists(ProductId)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
    assert_eq!(old_quantity(&error), Some(&number(150)));
    assert_eq!(shop.snapshot().await, before);
}

/// Returns the quantity of the old item in a failed condition.
fn old_quantity(error: &PutItemError) -> Option<&AttributeValue> {
    match error {
        PutItemError::ConditionalCheckFailedException(failed) => failed.item()?.get("Quantity"),
        _ => None,
    }
}

#[tokio::test]
async fn a_transaction_is_atomic_and_returns_cancellation_reasons() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;

    let actions = [decrement(&shop, "001", 150), decrement(&shop, "002", 201), insert_order(&shop, "001")];
    let reasons = transact(shop.direct_client(), actions).await.unwrap_err();
    assert_eq!(codes(&reasons), ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]);
    assert_eq!(reasons[1].item().unwrap()["Quantity"], number(200), "the reason has the old item");
    assert_eq!(reasons[2].item(), None, "the request does not ask for the old item");
    assert_eq!(shop.snapshot().await, before);

    let actions = [decrement(&shop, "001", 150), decrement(&shop, "002", 199), insert_order(&shop, "new")];
    assert_eq!(transact(shop.direct_client(), actions).await, Ok(()));
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (0, 1));
    assert!(shop.order_item("new").await.is_some());
}

#[tokio::test]
async fn a_failed_condition_on_a_missing_item_returns_no_old_item() {
    let shop = TestShop::seeded().await;
    let reasons = transact(shop.direct_client(), [decrement(&shop, "404", 1)]).await.unwrap_err();
    assert_eq!(codes(&reasons), ["ConditionalCheckFailed"]);
    assert!(reasons[0].item().is_none_or(Item::is_empty), "{reasons:?}");
}

#[tokio::test]
async fn concurrent_transactions_do_not_oversell() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 5).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, item) = (shop.direct_client().clone(), decrement(&shop, "001", 1));
        tasks.spawn(async move { transact(&client, [item]).await.is_ok() });
    }
    let succeeded = tasks.join_all().await.into_iter().filter(|ok| *ok).count();
    assert_eq!((succeeded, shop.stock_of("001").await), (5, 0));
}

#[tokio::test]
async fn the_customer_index_sorts_orders_by_time_and_has_only_keys() {
    let shop = TestShop::seeded().await;
    let newer = Item::from([
        ("OrderId".to_owned(), text("newer")),
        ("CustomerId".to_owned(), text("001")),
        ("CreatedAt".to_owned(), text("2025-02-01T00:00:00.000Z")),
        ("TotalAmount".to_owned(), number(1)),
    ]);
    shop.put(&shop.tables.orders, newer).await;
    let page = shop
        .direct_client()
        .query()
        .table_name(&shop.tables.orders)
        .index_name("CustomerOrders")
        .key_condition_expression("CustomerId = :id")
        .expression_attribute_values(":id", text("001"))
        .scan_index_forward(false)
        .send()
        .await
        .unwrap();
    let ids: Vec<_> = page.items().iter().map(|item| item["OrderId"].as_s().unwrap().as_str()).collect();
    assert_eq!(ids, ["newer", "001"]);
    assert!(page.items().iter().all(|item| item.len() == 3), "{:?}", page.items());
}
