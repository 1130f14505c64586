//! The stream of the Orders table, and its filters.

use domain::{EventKind, OutboxEvent};
use dynamodb::{Item, text};
use lambda::Trigger;
use serde_json::{Value, json};
use test_support::{TestShop, invocation, matches_pattern};

#[tokio::test]
async fn delivers_each_change_once_in_the_format_of_lambda() {
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
    let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
    assert!(number(&inserted[0]) < number(record), "sequence numbers increase");

    let batch = invocation::stream(&[inserted[0].clone(), record.clone()]);
    match Trigger::parse(&batch.payload) {
        Ok(Trigger::Stream(event)) => assert_eq!(event.records.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reader_of_an_empty_stream_survives_the_first_changes() {
    for _ in 0..20 {
        let shop = TestShop::empty().await;
        let mut stream = shop.order_stream().await;
        let put = async |n: usize| {
            let id = ("OrderId".to_owned(), text(format!("o{n}")));
            shop.put(&shop.tables.orders, Item::from([id])).await;
        };
        let writes = async {
            for n in 0..10 {
                put(n).await;
            }
        };
        let reads = async {
            let mut records = 0;
            while records < 10 {
                records += stream.read_page().await.len();
            }
            records
        };
        let ((), records) = tokio::join!(writes, reads);
        assert_eq!(records, 10);
    }
}

#[tokio::test]
async fn the_filters_pass_records_with_an_event() {
    let shop = TestShop::seeded().await;
    let order = shop.order("001").await.unwrap();
    let correlation = "c1".parse().unwrap();
    let now = order.created_at;
    let event = OutboxEvent::new(&order.id, EventKind::Placed, now, correlation);
    shop.put_order_with_event(order, event).await;
    let records = shop.order_stream().await.read().await;
    let passes = |record| test_support::stream_filters().iter().any(|filter| matches_pattern(filter, record));
    let passed: Vec<bool> = records.iter().map(passes).collect();
    assert_eq!(passed, [false, true], "only the changed order has an event");
}
