//! The harness itself: that the engine keeps the promises of DynamoDB that the
//! functions build on, and that bus, proxy, stream and driver do what tests ask of them.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use dynamodb::{Item, number, text};
use lambda::Trigger;
use serde_json::json;
use test_support::{
    ApiRequest, ApiResponse, AwsError, BUS_NAME, BusBehavior, EventDriver, Gate, TestShop, invocation,
    matches_pattern,
};

// The engine

#[tokio::test]
async fn a_shop_opens_with_the_seed_data_and_apart_from_all_others() {
    let (shop, other) = (TestShop::seeded().await, TestShop::empty().await);
    let seeded = shop.snapshot().await;
    let ids = |table: &std::collections::BTreeMap<String, Item>| table.keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(&seeded.orders), ["001"]);
    assert_eq!(ids(&seeded.customers), ["001", "002"]);
    assert_eq!(ids(&seeded.products), ["001", "002"]);
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (150, 200));
    assert_eq!(shop.order("001").await.unwrap().total_amount, Some("279.98".parse().unwrap()));
    assert!(other.snapshot().await.inventory.is_empty());

    shop.set_stock("001", 7).await;
    assert_ne!(shop.snapshot().await, seeded, "a snapshot shows every change");
    assert_eq!(shop.stock_of("001").await, 7);
}

#[tokio::test]
async fn a_condition_that_fails_changes_nothing_and_returns_the_old_item() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    let request = shop.direct_client().put_item().table_name(&shop.tables.inventory);
    let refused = request
        .item("ProductId", text("001"))
        .condition_expression("attribute_not_exists(ProductId)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
    assert_eq!(old_quantity_of_put(&refused), Some(&number(150)));
    assert_eq!(shop.snapshot().await, before);
}

fn old_quantity_of_put(
    error: &aws_sdk_dynamodb::operation::put_item::PutItemError,
) -> Option<&AttributeValue> {
    use aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException;
    match error {
        ConditionalCheckFailedException(failed) => failed.item()?.get("Quantity"),
        _ => None,
    }
}

/// Takes pieces of a product out of the inventory, if there are enough.
fn take(shop: &TestShop, product: &str, pieces: u64) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(&shop.tables.inventory)
        .key("ProductId", text(product))
        .update_expression("SET Quantity = Quantity - :pieces")
        .condition_expression("Quantity >= :pieces")
        .expression_attribute_values(":pieces", number(pieces))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().update(update.build().unwrap()).build()
}

fn insert_order(shop: &TestShop, id: &str) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(&shop.tables.orders)
        .item("OrderId", text(id))
        .condition_expression("attribute_not_exists(OrderId)");
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

/// Runs a transaction; the reasons why it was canceled, if it was.
async fn transact(
    client: &aws_sdk_dynamodb::Client,
    items: impl IntoIterator<Item = TransactWriteItem>,
) -> Result<(), Vec<CancellationReason>> {
    let request = client.transact_write_items().set_transact_items(Some(items.into_iter().collect()));
    match request.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Ok(_) => Ok(()),
        Err(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            Err(canceled.cancellation_reasons().to_vec())
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn codes(reasons: &[CancellationReason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.code().unwrap()).collect()
}

#[tokio::test]
async fn a_transaction_takes_effect_whole_or_not_at_all_and_says_why() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;

    let wanted = [take(&shop, "001", 150), take(&shop, "002", 201), insert_order(&shop, "001")];
    let reasons = transact(shop.direct_client(), wanted).await.unwrap_err();
    assert_eq!(codes(&reasons), ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]);
    assert_eq!(reasons[1].item().unwrap()["Quantity"], number(200), "the old item tells what there was");
    assert_eq!(reasons[2].item(), None, "no old item where none was asked for");
    assert_eq!(shop.snapshot().await, before);

    let wanted = [take(&shop, "001", 150), take(&shop, "002", 199), insert_order(&shop, "new")];
    assert_eq!(transact(shop.direct_client(), wanted).await, Ok(()));
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (0, 1));
    assert!(shop.order_item("new").await.is_some());
}

#[tokio::test]
async fn a_missing_item_fails_a_condition_on_it_without_an_old_item() {
    let shop = TestShop::seeded().await;
    let reasons = transact(shop.direct_client(), [take(&shop, "404", 1)]).await.unwrap_err();
    assert_eq!(codes(&reasons), ["ConditionalCheckFailed"]);
    assert!(reasons[0].item().is_none_or(Item::is_empty), "{reasons:?}");
}

#[tokio::test]
async fn concurrent_transactions_never_take_more_than_there_is() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 5).await;
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, item) = (shop.direct_client().clone(), take(&shop, "001", 1));
        takers.spawn(async move { transact(&client, [item]).await.is_ok() });
    }
    let taken = takers.join_all().await.into_iter().filter(|ok| *ok).count();
    assert_eq!((taken, shop.stock_of("001").await), (5, 0));
}

#[tokio::test]
async fn the_index_of_customers_lists_their_orders_by_time_with_keys_only() {
    let shop = TestShop::seeded().await;
    let newer = Item::from([
        ("OrderId".to_owned(), text("newer")),
        ("CustomerId".to_owned(), text("001")),
        ("CreatedAt".to_owned(), text("2025-02-01T00:00:00.000Z")),
        ("TotalAmount".to_owned(), number(1)),
    ]);
    shop.put(&shop.tables.orders, newer).await;
    let request = shop.direct_client().query().table_name(&shop.tables.orders).index_name("CustomerOrders");
    let request = request.key_condition_expression("CustomerId = :id").scan_index_forward(false);
    let page = request.expression_attribute_values(":id", text("001")).send().await.unwrap();
    let ids: Vec<_> = page.items().iter().map(|item| item["OrderId"].as_s().unwrap().as_str()).collect();
    assert_eq!(ids, ["newer", "001"]);
    assert!(page.items().iter().all(|item| item.len() == 3), "{:?}", page.items());
}

// The stream

#[tokio::test]
async fn the_stream_delivers_each_change_once_in_the_shape_of_lambda() {
    let shop = TestShop::empty().await;
    let mut stream = shop.order_stream().await;
    assert!(stream.read().await.is_empty());

    let order = |status: &str| {
        Item::from([("OrderId".to_owned(), text("o1")), ("OrderStatus".to_owned(), text(status))])
    };
    shop.put(&shop.tables.orders, order("Placed")).await;
    let inserted = stream.read().await;
    shop.put(&shop.tables.orders, order("Canceled")).await;
    let modified = stream.read().await;
    assert_eq!((inserted.len(), modified.len(), stream.read().await.len()), (1, 1, 0));

    let record = &modified[0];
    assert_eq!(record["eventName"], "MODIFY");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["awsRegion"], test_support::REGION);
    assert!(record["eventSourceARN"].as_str().unwrap().contains(&shop.tables.orders), "{record}");
    let images = &record["dynamodb"];
    assert_eq!(images["Keys"], json!({"OrderId": {"S": "o1"}}));
    assert_eq!(images["OldImage"], json!({"OrderId": {"S": "o1"}, "OrderStatus": {"S": "Placed"}}));
    assert_eq!(images["NewImage"], json!({"OrderId": {"S": "o1"}, "OrderStatus": {"S": "Canceled"}}));
    assert_eq!(images["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert_eq!(inserted[0]["eventName"], "INSERT");
    assert_eq!(inserted[0]["dynamodb"].get("OldImage"), None);
    let number =
        |record: &serde_json::Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
    assert!(number(&inserted[0]) < number(record), "sequence numbers rise");

    let batch = invocation::stream(&[inserted[0].clone(), record.clone()]);
    match Trigger::parse(&batch.payload) {
        Ok(Trigger::Stream(event)) => assert_eq!(event.records.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_filter_of_the_stream_lets_through_what_carries_an_event() {
    let shop = TestShop::seeded().await;
    let order = shop.order("001").await.unwrap();
    let correlation = "c1".parse().unwrap();
    let now = order.created_at;
    let event = domain::OutboxEvent::new(&order.id, domain::EventKind::Placed, now, correlation);
    shop.put_order_with_event(order, event).await;
    let records = shop.order_stream().await.read().await;
    let let_through =
        |record| test_support::stream_filters().iter().any(|filter| matches_pattern(filter, record));
    let through: Vec<bool> = records.iter().map(let_through).collect();
    assert_eq!(through, [false, true], "the seed data's order carries no event, its change does");
}

// The proxy

#[tokio::test]
async fn the_proxy_passes_calls_on_and_takes_them_down() {
    let shop = TestShop::seeded().await;
    let client = shop.proxy.client();
    assert_eq!(transact(&client, [take(&shop, "001", 1)]).await, Ok(()));
    let reasons = transact(&client, [take(&shop, "001", 150)]).await.unwrap_err();
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
async fn a_transaction_can_be_made_to_conflict_on_the_calls_that_are_named() {
    let shop = TestShop::seeded().await;
    let client = shop.proxy.client();
    let conflict = AwsError::transaction_canceled(&["TransactionConflict", "None"]);
    shop.proxy.on("TransactWriteItems").nth(3).times(2).fail(conflict);
    let attempt = || transact(&client, [take(&shop, "001", 1), take(&shop, "002", 1)]);

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
async fn every_injected_error_reads_as_what_it_is() {
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
async fn the_sdk_gives_up_on_a_passing_error_after_three_calls() {
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
async fn a_lost_answer_took_effect_and_a_lost_request_did_not() {
    let shop = TestShop::seeded().await;
    let take_one = || {
        let request = shop.proxy.client().update_item().table_name(&shop.tables.inventory);
        let request = request.key("ProductId", text("001")).expression_attribute_values(":one", number(1));
        request.update_expression("SET Quantity = Quantity - :one").send()
    };
    shop.proxy.on("UpdateItem").drop_response();
    assert!(take_one().await.is_ok(), "the SDK tries again");
    assert_eq!((shop.proxy.calls("UpdateItem"), shop.stock_of("001").await), (2, 148));

    shop.proxy.on("UpdateItem").drop_request();
    assert!(take_one().await.is_ok());
    assert_eq!((shop.proxy.calls("UpdateItem"), shop.stock_of("001").await), (4, 147));

    shop.proxy.on("UpdateItem").always().drop_response();
    assert!(take_one().await.is_err());
    assert_eq!((shop.proxy.calls("UpdateItem"), shop.stock_of("001").await), (7, 144));
}

#[tokio::test]
async fn a_batch_can_be_made_to_leave_keys_out() {
    let shop = TestShop::seeded().await;
    for (left_out, found) in [(0, 2), (1, 1), (2, 0), (9, 0)] {
        shop.proxy.on("BatchGetItem").leave_keys_unprocessed(left_out);
        let keys = ["001", "002"].map(|id| Item::from([("ProductId".to_owned(), text(id))]));
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.into())).consistent_read(true);
        let request = shop.proxy.client().batch_get_item();
        let answer =
            request.request_items(&shop.tables.products, wanted.build().unwrap()).send().await.unwrap();
        assert_eq!(answer.responses().unwrap()[&shop.tables.products].len(), found);
        let unprocessed = answer.unprocessed_keys().unwrap().get(&shop.tables.products);
        assert_eq!(unprocessed.map_or(0, |left_out| left_out.keys().len()), 2 - found);
        assert!(unprocessed.is_none_or(|left_out| left_out.consistent_read() == Some(true)));
    }
}

#[tokio::test]
async fn a_batch_over_two_tables_leaves_out_whole_tables_too() {
    let shop = TestShop::seeded().await;
    let tables = [(&shop.tables.customers, "CustomerId"), (&shop.tables.products, "ProductId")];
    for (left_out, found) in [(1, [1, 1]), (2, [1, 0]), (3, [0, 0])] {
        shop.proxy.on("BatchGetItem").leave_keys_unprocessed(left_out);
        let wanted = tables.map(|(table, name)| {
            let ids = if name == "CustomerId" { &["001"][..] } else { &["001", "002"] };
            let keys = ids.iter().map(|id| Item::from([(name.to_owned(), text(id))])).collect();
            (table.clone(), KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap())
        });
        let request = shop.proxy.client().batch_get_item().set_request_items(Some(wanted.into()));
        let answer = request.send().await.unwrap();
        let responses = answer.responses().unwrap();
        assert_eq!(tables.map(|(table, _)| responses[table].len()), found);
        let unprocessed = answer.unprocessed_keys().unwrap().values().map(|left_out| left_out.keys().len());
        assert_eq!(unprocessed.sum::<usize>(), left_out);
    }
}

#[tokio::test]
async fn a_call_can_be_held_back_before_or_after_it_takes_effect() {
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
async fn a_rule_for_any_call_counts_the_calls_of_all_operations() {
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

// The bus

fn entry(detail: &str) -> PutEventsRequestEntry {
    let entry = PutEventsRequestEntry::builder().event_bus_name(BUS_NAME).source("ecommerce.order");
    entry.detail_type("OrderShipped").detail(detail).time(DateTime::from_secs(1)).build()
}

fn entries(count: usize) -> Vec<PutEventsRequestEntry> {
    (0..count).map(|n| entry(&format!(r#"{{"n":{n}}}"#))).collect()
}

type PublishedEvent = Result<Vec<Option<String>>, Option<String>>;

/// The error code of each entry, or the one of the call.
async fn publish(shop: &TestShop, entries: Vec<PutEventsRequestEntry>) -> PublishedEvent {
    match shop.bus.client().put_events().set_entries(Some(entries)).send().await {
        Ok(output) => {
            let codes: Vec<_> = output.entries().iter().map(|entry| entry.error_code.clone()).collect();
            let failed = codes.iter().flatten().count();
            assert_eq!(usize::try_from(output.failed_entry_count()), Ok(failed));
            Ok(codes)
        }
        Err(error) => Err(error.code().map(str::to_owned)),
    }
}

fn numbers(shop: &TestShop) -> Vec<u64> {
    shop.bus.take_new().iter().map(|event| event.detail()["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_bus_keeps_events_in_order_and_hands_each_out_once() {
    let shop = TestShop::empty().await;
    assert_eq!(publish(&shop, entries(10)).await, Ok(vec![None; 10]));
    assert_eq!(numbers(&shop), (0..10).collect::<Vec<_>>());
    assert_eq!(publish(&shop, vec![entry(r#"{"n":10,"price":1.10}"#)]).await, Ok(vec![None]));
    assert_eq!(numbers(&shop), [10]);
    assert_eq!(numbers(&shop), [0; 0]);

    let published = shop.bus.published();
    assert_eq!((published.len(), shop.bus.calls().len()), (11, 2));
    let envelope = published[10].envelope();
    assert!(
        envelope.get().contains(r#""detail":{"n":10,"price":1.10}"#),
        "the detail stays as it was written"
    );
    assert!(matches_pattern(
        test_support::order_event_pattern(),
        &serde_json::from_str(envelope.get()).unwrap()
    ));
    match Trigger::parse(&envelope) {
        Ok(Trigger::Bus(event)) => assert_eq!(event.detail_type, "OrderShipped"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_bus_holds_to_the_limits_of_eventbridge() {
    let shop = TestShop::empty().await;
    let invalid = Err(Some("ValidationException".to_owned()));
    assert_eq!(publish(&shop, entries(11)).await, invalid);
    assert_eq!(publish(&shop, Vec::new()).await, invalid);

    // Beside the detail, an entry of this test has a source, a type and a time.
    let fits = 256 * 1024 - "ecommerce.order".len() - "OrderShipped".len() - 14;
    let sized = |bytes: usize| entry(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)));
    assert_eq!(publish(&shop, vec![sized(fits)]).await, Ok(vec![None]));
    assert_eq!(publish(&shop, vec![sized(fits + 1)]).await, invalid);
    let half = sized(fits / 2);
    assert_eq!(publish(&shop, vec![half.clone(), half.clone(), half]).await, invalid);

    let code = |code: &str| Some(code.to_owned());
    let bare = PutEventsRequestEntry::builder().source("ecommerce.order").detail("{}").build();
    let answer = publish(&shop, vec![entry("{"), entry("7"), bare, entry("{}")]).await;
    let malformed = code("MalformedDetail");
    assert_eq!(answer, Ok(vec![malformed.clone(), malformed, code("InvalidArgument"), None]));
    assert_eq!(shop.bus.published().len(), 2);
}

#[tokio::test]
async fn the_bus_fails_as_it_is_told() {
    let shop = TestShop::empty().await;
    shop.bus.script([BusBehavior::reject([(1, "ThrottlingException"), (2, "InternalFailure")])]);
    let codes = publish(&shop, entries(4)).await.unwrap();
    let codes: Vec<_> = codes.iter().map(Option::as_deref).collect();
    assert_eq!(codes, [None, Some("ThrottlingException"), Some("InternalFailure"), None]);
    assert_eq!(numbers(&shop), [0, 3]);

    shop.bus.script([BusBehavior::Fail(AwsError::throttled()), BusBehavior::Fail(AwsError::internal())]);
    assert_eq!(publish(&shop, entries(1)).await, Ok(vec![None]), "the SDK tries three times");
    assert_eq!(numbers(&shop), [0]);

    shop.bus.script([BusBehavior::DropResponse, BusBehavior::DropRequest]);
    assert_eq!(publish(&shop, entries(2)).await, Ok(vec![None, None]));
    assert_eq!(numbers(&shop), [0, 1, 0, 1], "what was accepted without an answer comes again");

    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    assert_eq!(publish(&shop, entries(1)).await, Err(Some("AccessDeniedException".to_owned())));
    assert_eq!(numbers(&shop), [0; 0]);
}

#[tokio::test]
async fn a_call_to_the_bus_can_be_held_back_before_or_after_it_is_accepted() {
    let shop = TestShop::empty().await;
    for (accepted, hold) in
        [(0, BusBehavior::HoldRequest as fn(Gate) -> BusBehavior), (1, BusBehavior::HoldResponse)]
    {
        let gate = Gate::default();
        shop.bus.script([hold(gate.clone())]);
        let held = shop.bus.client().put_events().entries(entry(r#"{"n":1}"#)).send();
        let held = tokio::spawn(held);
        gate.reached().await;
        assert_eq!(shop.bus.take_new().len(), accepted);
        assert!(!held.is_finished());
        gate.open();
        held.await.unwrap().unwrap();
        assert_eq!(shop.bus.take_new().len(), 1 - accepted);
    }
    shop.bus.script([BusBehavior::DropRequest]);
    shop.bus.reset();
    assert_eq!(publish(&shop, entries(1)).await, Ok(vec![None]));
    assert_eq!(shop.bus.calls().len(), 3, "a script that was taken back strikes nobody");
}

// The calls

#[tokio::test]
async fn a_rest_call_arrives_as_it_was_put_together() {
    let call = ApiRequest::post("/order/{orderId}/cancel").path("orderId", "o1").query("limit", "5");
    let call = call.header("Idempotency-Key", "k1").json(r#"{"a":1.10}"#);
    match Trigger::parse(&call.invocation().payload) {
        Ok(Trigger::Rest(request)) => {
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/Prod/order/o1/cancel"));
            assert_eq!(request.resource, "/order/{orderId}/cancel");
            assert_eq!(request.path_parameter::<String>("orderId").as_deref(), Some("o1"));
            assert_eq!(request.query("limit"), Some("5"));
            assert_eq!(request.header("idempotency-key").as_deref(), Some("k1"));
            assert_eq!(request.json_body().unwrap(), r#"{"a":1.10}"#);
            assert!(request.correlation_id().is_some());
        }
        other => panic!("{other:?}"),
    }
    match Trigger::parse(&invocation::queue_messages(&["one", "two"]).payload) {
        Ok(Trigger::Queue(batch)) => {
            let named = |n: usize| (batch.records[n].message_id.as_deref(), batch.records[n].body.as_deref());
            assert_eq!((named(0), named(1)), ((Some("m0"), Some("one")), (Some("m1"), Some("two"))));
        }
        other => panic!("{other:?}"),
    }
    match Trigger::parse(&ApiRequest::get("/products").invocation().payload) {
        Ok(Trigger::Rest(request)) => assert_eq!(request.json_body().unwrap(), ""),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_file_of_events_is_what_its_name_says_and_comes_through_the_filters() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
    let names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        let payload = invocation::fixture(&name).payload;
        let json: serde_json::Value = serde_json::from_str(payload.get()).unwrap();
        match Trigger::parse(&payload) {
            Ok(Trigger::Rest(_)) => assert!(name == "hello" || name.starts_with("api-"), "{name}"),
            Ok(Trigger::Stream(_)) => {
                assert!(name.starts_with("stream-"), "{name}");
                let records = json["Records"].as_array().unwrap();
                let filters = test_support::stream_filters();
                assert!(
                    records.iter().all(|record| filters.iter().any(|filter| matches_pattern(filter, record)))
                );
            }
            Ok(Trigger::Queue(batch)) => {
                assert!(name.starts_with("queue-"), "{name}");
                let bodies = batch.records.iter().map(|message| message.body.as_deref().unwrap());
                let events: Vec<serde_json::Value> =
                    bodies.map(|body| serde_json::from_str(body).unwrap()).collect();
                assert!(
                    events.iter().all(|event| matches_pattern(test_support::order_event_pattern(), event)),
                    "{name}"
                );
            }
            Ok(Trigger::Bus(_)) => {
                assert!(name.starts_with("order-"), "{name}");
                assert!(matches_pattern(test_support::order_event_pattern(), &json), "{name}");
            }
            Ok(Trigger::Republish(_)) => assert_eq!(name, "republish"),
            Err(failure) => panic!("{name}: {failure}"),
        }
    }
}

#[tokio::test]
async fn a_reply_is_what_the_client_gets() {
    let answer = api::Response::created("/order/1", &json!({"orderId": "1"})).into();
    let response = ApiResponse::of(&answer);
    assert_eq!((response.status, response.header("location")), (201, Some("/order/1")));
    assert_eq!(response.json(), json!({"orderId": "1"}));
}

// The driver

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":2}]}"#;

/// Places an order; its id.
async fn place(shop: &TestShop) -> String {
    let response = ApiRequest::post("/order").json(ORDER).send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()["orderId"].as_str().unwrap().to_owned()
}

async fn status(shop: &TestShop, id: &str) -> domain::OrderStatus {
    shop.order(id).await.unwrap().status
}

#[tokio::test]
async fn the_pump_carries_an_order_from_the_api_to_the_stock_step_by_step() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    assert_eq!(status(&shop, &id).await, domain::OrderStatus::Placed);

    driver.relay().await;
    let waiting: Vec<_> =
        driver.pending_events().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!((waiting, shop.stock_of("001").await), (vec!["OrderPlaced".to_owned()], 150));

    driver.consume().await;
    assert_eq!(status(&shop, &id).await, domain::OrderStatus::Confirmed);
    assert_eq!((shop.stock_of("001").await, shop.reserved_of("001").await), (148, 2));
    driver.run().await;
    assert_eq!((shop.bus.published().len(), driver.dead_letters().len()), (1, 0));
}

#[tokio::test]
async fn the_pump_hands_a_batch_over_again_until_it_is_published() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    driver.relay().await;
    assert_eq!((driver.pending_records(), driver.pending_events().len()), (1, 0));
    shop.bus.set_default(BusBehavior::Accept);
    driver.run().await;
    assert_eq!(status(&shop, &id).await, domain::OrderStatus::Confirmed);
}

#[tokio::test]
async fn the_pump_gives_up_on_an_event_after_the_retries_of_the_template() {
    let shop = TestShop::seeded().await;
    place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    shop.proxy.on("TransactWriteItems").always().fail(AwsError::access_denied());
    driver.run().await;
    let [letter] = driver.dead_letters() else { panic!("{:?}", driver.dead_letters()) };
    assert_eq!(letter.event.detail_type(), "OrderPlaced");
    assert_eq!(letter.error.error_type, inventory_service::INTERNAL);
    assert_eq!(shop.proxy.calls("TransactWriteItems"), 3);
}

#[tokio::test]
async fn the_pump_delivers_as_many_copies_as_it_is_told_also_at_once() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await.with_copies(3).shuffled(7);
    driver.relay().await;
    assert_eq!(driver.pending_events().len(), 3);
    driver.consume_concurrently().await;
    driver.run().await;
    assert_eq!(status(&shop, &id).await, domain::OrderStatus::Confirmed);
    assert_eq!((shop.stock_of("001").await, driver.dead_letters().len()), (148, 0));
}
