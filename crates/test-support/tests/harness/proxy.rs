//! The proxy records calls and injects faults.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use dynamodb::{Item, number, text};
use serde_json::json;
use test_support::{AwsError, TestShop};

use crate::transactions::{codes, decrement, transact};

#[tokio::test]
async fn forwards_and_records_calls() {
    let shop = TestShop::seeded().await;
    let client = shop.proxy.client();
    assert_eq!(transact(&client, [decrement(&shop, "001", 1)]).await, Ok(()));
    let reasons = transact(&client, [decrement(&shop, "001", 150)]).await.unwrap_err();
    assert_eq!(reasons[0].item().unwrap()["Quantity"], number(149));
    let missing = client.get_item().table_name(&shop.tables.orders).key("OrderId", text("404"));
    assert_eq!(missing.send().await.unwrap().item, None);

    let calls = shop.proxy.calls_by_operation();
    assert_eq!(calls, [("GetItem".to_owned(), 1), ("TransactWriteItems".to_owned(), 2)].into());
    assert_eq!(shop.proxy.requests("GetItem")[0]["Key"], json!({"OrderId": {"S": "404"}}));
    shop.proxy.reset();
    assert_eq!(shop.proxy.calls("GetItem"), 0);
}

#[tokio::test]
async fn makes_selected_transactions_conflict() {
    let shop = TestShop::seeded().await;
    let client = shop.proxy.client();
    let conflict = AwsError::transaction_canceled(&["TransactionConflict", "None"]);
    shop.proxy.on("TransactWriteItems").nth(3).times(2).fail(conflict);
    let attempt = || transact(&client, [decrement(&shop, "001", 1), decrement(&shop, "002", 1)]);

    assert_eq!((attempt().await, attempt().await), (Ok(()), Ok(())));
    for _ in 0..2 {
        let reasons = attempt().await.unwrap_err();
        assert_eq!(codes(&reasons), ["TransactionConflict", "None"]);
        assert_eq!(reasons[0].message(), Some("Transaction is ongoing for the item"));
    }
    assert_eq!(attempt().await, Ok(()));
    assert_eq!((shop.stock_of("001").await, shop.proxy.calls("TransactWriteItems")), (147, 5));
}

#[tokio::test]
async fn the_sdk_recognizes_every_injected_error() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for (error, code) in [
        (AwsError::transaction_conflict(), "TransactionConflictException"),
        (AwsError::throughput_exceeded(), "ProvisionedThroughputExceededException"),
        (AwsError::throttled(), "ThrottlingException"),
        (AwsError::internal(), "InternalServerError"),
        (AwsError::unavailable(), "ServiceUnavailable"),
        (AwsError::access_denied(), "AccessDeniedException"),
    ] {
        shop.proxy.on("PutItem").always().fail(error);
        let request = shop.proxy.client().put_item().table_name(&shop.tables.orders);
        let failed = request.item("OrderId", text("o1")).send().await.unwrap_err();
        assert_eq!(failed.code(), Some(code));
        shop.proxy.reset();
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn the_sdk_makes_three_calls_for_a_retryable_error() {
    let shop = TestShop::seeded().await;
    let put = |id: &str| {
        let request = shop.proxy.client().put_item().table_name(&shop.tables.orders);
        request.item("OrderId", text(id)).send()
    };
    shop.proxy.on("PutItem").times(2).fail(AwsError::throttled());
    assert!(put("o1").await.is_ok());
    shop.proxy.on("PutItem").times(3).fail(AwsError::internal());
    assert!(put("o2").await.is_err());
    assert_eq!(shop.proxy.calls("PutItem"), 6);
    assert!(shop.order_item("o1").await.is_some());
    assert!(shop.order_item("o2").await.is_none());
}

#[tokio::test]
async fn a_dropped_response_takes_effect_and_a_dropped_request_does_not() {
    let shop = TestShop::seeded().await;
    let decrement = || {
        shop.proxy
            .client()
            .update_item()
            .table_name(&shop.tables.inventory)
            .key("ProductId", text("001"))
            .update_expression("SET Quantity = Quantity - :one")
            .expression_attribute_values(":one", number(1))
            .send()
    };
    shop.proxy.on("UpdateItem").drop_response();
    assert!(decrement().await.is_ok(), "the SDK retries");
    assert_eq!((shop.proxy.calls("UpdateItem"), shop.stock_of("001").await), (2, 148));

    shop.proxy.on("UpdateItem").drop_request();
    assert!(decrement().await.is_ok());
    assert_eq!((shop.proxy.calls("UpdateItem"), shop.stock_of("001").await), (4, 147));

    shop.proxy.on("UpdateItem").always().drop_response();
    assert!(decrement().await.is_err());
    assert_eq!((shop.proxy.calls("UpdateItem"), shop.stock_of("001").await), (7, 144));
}

#[tokio::test]
async fn leaves_keys_of_a_batch_unprocessed() {
    let shop = TestShop::seeded().await;
    for (unprocessed_keys, found) in [(0, 2), (1, 1), (2, 0), (9, 0)] {
        shop.proxy.on("BatchGetItem").leave_keys_unprocessed(unprocessed_keys);
        let keys = ["001", "002"].map(|id| Item::from([("ProductId".to_owned(), text(id))]));
        let request_keys = KeysAndAttributes::builder().set_keys(Some(keys.into())).consistent_read(true);
        let request = shop.proxy.client().batch_get_item();
        let response =
            request.request_items(&shop.tables.products, request_keys.build().unwrap()).send().await.unwrap();
        assert_eq!(response.responses().unwrap()[&shop.tables.products].len(), found);
        let unprocessed = response.unprocessed_keys().unwrap().get(&shop.tables.products);
        assert_eq!(unprocessed.map_or(0, |request| request.keys().len()), 2 - found);
        assert!(unprocessed.is_none_or(|request| request.consistent_read() == Some(true)));
    }
}

#[tokio::test]
async fn leaves_all_keys_of_a_table_unprocessed() {
    let shop = TestShop::seeded().await;
    let tables = [(&shop.tables.customers, "CustomerId"), (&shop.tables.products, "ProductId")];
    for (unprocessed_keys, found) in [(1, [1, 1]), (2, [1, 0]), (3, [0, 0])] {
        shop.proxy.on("BatchGetItem").leave_keys_unprocessed(unprocessed_keys);
        let request_items = tables.map(|(table, name)| {
            let ids = if name == "CustomerId" { &["001"][..] } else { &["001", "002"] };
            let keys = ids.iter().map(|id| Item::from([(name.to_owned(), text(id))])).collect();
            (table.clone(), KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap())
        });
        let request = shop.proxy.client().batch_get_item().set_request_items(Some(request_items.into()));
        let response = request.send().await.unwrap();
        let responses = response.responses().unwrap();
        assert_eq!(tables.map(|(table, _)| responses[table].len()), found);
        let unprocessed = response.unprocessed_keys().unwrap().values().map(|request| request.keys().len());
        assert_eq!(unprocessed.sum::<usize>(), unprocessed_keys);
    }
}

#[tokio::test]
async fn holds_a_call_before_or_after_it_takes_effect() {
    let shop = TestShop::seeded().await;
    let put = |id: &str| {
        let request = shop.proxy.client().put_item().table_name(&shop.tables.orders);
        tokio::spawn(request.item("OrderId", text(id)).send())
    };
    let gate = shop.proxy.on("PutItem").hold_request();
    let held = put("before");
    gate.reached().await;
    assert!(shop.order_item("before").await.is_none());
    gate.open();
    held.await.unwrap().unwrap();
    assert!(shop.order_item("before").await.is_some());

    let gate = shop.proxy.on("PutItem").hold_response();
    let held = put("after");
    gate.reached().await;
    assert!(shop.order_item("after").await.is_some());
    assert!(!held.is_finished());
    gate.open();
    held.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_rule_for_any_call_counts_all_operations() {
    let shop = TestShop::seeded().await;
    let client = shop.proxy.client();
    let gate = shop.proxy.on_any_call().nth(2).hold_request();
    let read = client.get_item().table_name(&shop.tables.orders).key("OrderId", text("001"));
    assert!(read.send().await.unwrap().item.is_some());
    let write = client.put_item().table_name(&shop.tables.orders).item("OrderId", text("o1"));
    let held = tokio::spawn(write.send());
    gate.reached().await;
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    assert!(shop.order_item("o1").await.is_none());
}

#[tokio::test]
async fn a_pause_holds_calls_until_it_ends() {
    let shop = TestShop::seeded().await;
    let client = shop.proxy.client();
    let pause = shop.proxy.pause().await;
    let call = tokio::spawn({
        let decrements = [decrement(&shop, "001", 1)];
        async move { transact(&client, decrements).await }
    });
    while shop.proxy.calls("TransactWriteItems") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.stock_of("001").await, 150);
    drop(pause);
    assert_eq!((call.await.unwrap(), shop.stock_of("001").await), (Ok(()), 149));
}

#[tokio::test]
async fn a_call_whose_client_is_gone_ends_before_a_pause_begins() {
    let shop = TestShop::seeded().await;
    for taken in 1..=20 {
        let client = shop.proxy.client();
        let mut call = Box::pin(transact(&client, [decrement(&shop, "001", 1)]));
        let calls = || shop.proxy.calls("TransactWriteItems");
        tokio::select! {
            result = &mut call => assert_eq!(result, Ok(())),
            () = async { while calls() < taken { tokio::task::yield_now().await } } => {}
        }
        drop(call);
        let _pause = shop.proxy.pause().await;
        let stock = shop.stock_of("001").await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(shop.stock_of("001").await, stock, "a call took effect during the pause");
    }
}
