//! The bus accepts events within the limits of EventBridge, and fails on demand.

use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lambda::Trigger;
use test_support::{AwsError, BUS_NAME, BusBehavior, Gate, TestShop, matches_pattern};

fn entry(detail: &str) -> PutEventsRequestEntry {
    let entry = PutEventsRequestEntry::builder().event_bus_name(BUS_NAME).source("ecommerce.order");
    entry.detail_type("OrderShipped").detail(detail).time(DateTime::from_secs(1)).build()
}

fn entries(count: usize) -> Vec<PutEventsRequestEntry> {
    (0..count).map(|n| entry(&format!(r#"{{"n":{n}}}"#))).collect()
}

/// The error code of each entry, or the error code of the call.
type PublishResult = Result<Vec<Option<String>>, Option<String>>;

async fn publish(shop: &TestShop, entries: Vec<PutEventsRequestEntry>) -> PublishResult {
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
async fn records_events_in_order_and_returns_each_new_event_once() {
    let shop = TestShop::empty().await;
    assert_eq!(publish(&shop, entries(10)).await, Ok(vec![None; 10]));
    assert_eq!(numbers(&shop), (0..10).collect::<Vec<_>>());
    assert_eq!(publish(&shop, vec![entry(r#"{"n":10,"price":1.10}"#)]).await, Ok(vec![None]));
    assert_eq!(numbers(&shop), [10]);
    assert_eq!(numbers(&shop), [0; 0]);

    let published = shop.bus.published();
    assert_eq!((published.len(), shop.bus.calls().len()), (11, 2));
    let envelope = published[10].envelope();
    assert!(envelope.get().contains(r#""detail":{"n":10,"price":1.10}"#), "the detail is not changed");
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
async fn enforces_the_limits_of_eventbridge() {
    let shop = TestShop::empty().await;
    let invalid = Err(Some("ValidationException".to_owned()));
    assert_eq!(publish(&shop, entries(11)).await, invalid);
    assert_eq!(publish(&shop, Vec::new()).await, invalid);

    // An entry of this test has a source, a type and a time in addition to the detail.
    let maximum = 1024 * 1024 - "ecommerce.order".len() - "OrderShipped".len() - 14;
    let sized = |bytes: usize| entry(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)));
    assert_eq!(publish(&shop, vec![sized(maximum)]).await, Ok(vec![None]));
    assert_eq!(publish(&shop, vec![sized(maximum + 1)]).await, invalid);
    let half = sized(maximum / 2);
    assert_eq!(publish(&shop, vec![half.clone(), half.clone(), half]).await, invalid);

    let code = |code: &str| Some(code.to_owned());
    let without_type = PutEventsRequestEntry::builder().source("ecommerce.order").detail("{}").build();
    let results = publish(&shop, vec![entry("{"), entry("7"), without_type, entry("{}")]).await;
    let malformed = code("MalformedDetail");
    assert_eq!(results, Ok(vec![malformed.clone(), malformed, code("InvalidArgument"), None]));
    assert_eq!(shop.bus.published().len(), 2);
}

#[tokio::test]
async fn follows_the_scripted_behaviors() {
    let shop = TestShop::empty().await;
    shop.bus.script([BusBehavior::reject([(1, "ThrottlingException"), (2, "InternalFailure")])]);
    let codes = publish(&shop, entries(4)).await.unwrap();
    let codes: Vec<_> = codes.iter().map(Option::as_deref).collect();
    assert_eq!(codes, [None, Some("ThrottlingException"), Some("InternalFailure"), None]);
    assert_eq!(numbers(&shop), [0, 3]);

    shop.bus.script([BusBehavior::Fail(AwsError::throttled()), BusBehavior::Fail(AwsError::internal())]);
    assert_eq!(publish(&shop, entries(1)).await, Ok(vec![None]), "the SDK makes three calls");
    assert_eq!(numbers(&shop), [0]);

    shop.bus.script([BusBehavior::DropResponse, BusBehavior::DropRequest]);
    assert_eq!(publish(&shop, entries(2)).await, Ok(vec![None, None]));
    assert_eq!(numbers(&shop), [0, 1, 0, 1], "the SDK repeats a call whose response was lost");

    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    assert_eq!(publish(&shop, entries(1)).await, Err(Some("AccessDeniedException".to_owned())));
    assert_eq!(numbers(&shop), [0; 0]);
}

#[tokio::test]
async fn holds_a_call_before_or_after_it_is_accepted() {
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
    assert_eq!(shop.bus.calls().len(), 3, "a removed script has no effect");
}
