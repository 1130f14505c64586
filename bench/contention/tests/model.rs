//! Conflicts, limits, times, and units of the model.

mod virtual_time;

use std::time::Duration;

use contention::model::{Assumptions, DynamoDbModel, DynamoDbResponse};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use virtual_time::in_virtual_time;

const TABLE: &str = "Stock";

/// Assumptions without random variation and without time per action.
fn exact() -> Assumptions {
    Assumptions { jitter: 0.0, per_action: Duration::ZERO, ..Assumptions::default() }
}

/// Creates a model with exact times and these items.
fn model(ids: &[&str]) -> DynamoDbModel {
    let model = DynamoDbModel::new(exact(), &[(TABLE, "Id")]);
    for id in ids {
        model.put(TABLE, &json!({"Id": {"S": id}, "Quantity": {"N": "1000000"}}));
    }
    model
}

fn decrement(id: &str) -> Value {
    json!({
        "TableName": TABLE, "Key": {"Id": {"S": id}},
        "UpdateExpression": "SET Quantity = Quantity - :one", "ConditionExpression": "Quantity >= :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    })
}

async fn update(model: &DynamoDbModel, id: &str) -> DynamoDbResponse {
    model.call("UpdateItem", &decrement(id).to_string()).await
}

async fn transact(model: &DynamoDbModel, ids: &[&str]) -> DynamoDbResponse {
    let actions: Vec<_> = ids.iter().map(|id| json!({"Update": decrement(id)})).collect();
    model.call("TransactWriteItems", &json!({"TransactItems": actions}).to_string()).await
}

fn quantity(model: &DynamoDbModel, id: &str) -> i64 {
    model.item(TABLE, id).unwrap()["Quantity"]["N"].as_str().unwrap().parse().unwrap()
}

/// Returns the cancellation code of each action.
fn reasons(response: &DynamoDbResponse) -> Vec<String> {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert!(body["__type"].as_str().unwrap().ends_with("#TransactionCanceledException"));
    assert_eq!(response.status, 400);
    let reasons = body["CancellationReasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["Code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn cancels_a_transaction_for_exactly_the_items_in_conflict() {
    in_virtual_time(async {
        let model = model(&["a", "b", "c"]);
        let second = async {
            sleep(Duration::from_millis(1)).await;
            transact(&model, &["b", "a", "c"]).await
        };
        let (first, second) = tokio::join!(transact(&model, &["a"]), second);
        assert_eq!(first.status, 200);
        assert_eq!(reasons(&second), ["None", "TransactionConflict", "None"]);
        assert_eq!(["a", "b", "c"].map(|id| quantity(&model, id)), [999_999, 1_000_000, 1_000_000]);
        let usage = model.usage();
        assert_eq!((usage.conflicting_items, usage.conflicting_requests, usage.write_requests), (1, 1, 2));

        assert_eq!(transact(&model, &["b", "a", "c"]).await.status, 200, "the items are released");
    });
}

#[test]
fn releases_the_items_of_a_canceled_transaction_after_it_is_prepared() {
    in_virtual_time(async {
        let model = model(&["a", "b"]);
        let after = |millis, ids: &'static [&str]| {
            let model = &model;
            async move {
                sleep(Duration::from_millis(millis)).await;
                transact(model, ids).await
            }
        };
        // The second one is canceled by the first, and holds b from 2 to 5 ms.
        let responses =
            join_all([after(0, &["a"]), after(1, &["a", "b"]), after(2, &["b"]), after(5, &["b"])]).await;
        let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
        assert_eq!(statuses, [200, 400, 400, 200]);
        assert_eq!(quantity(&model, "b"), 999_999);
    });
}

#[test]
fn rejects_a_single_write_because_of_a_transaction_but_not_of_another_single_write() {
    in_virtual_time(async {
        let model = model(&["a"]);
        let single = async {
            sleep(Duration::from_millis(1)).await;
            update(&model, "a").await
        };
        let (transaction, single) = tokio::join!(transact(&model, &["a"]), single);
        assert_eq!((transaction.status, single.status), (200, 400));
        assert!(single.body.contains("#TransactionConflictException"), "{}", single.body);

        let before = quantity(&model, "a");
        let updates = join_all((0..50).map(|_| update(&model, "a"))).await;
        assert!(updates.iter().all(DynamoDbResponse::is_success));
        assert_eq!(quantity(&model, "a"), before - 50);
        assert_eq!(model.usage().conflicting_items, 1);
    });
}

#[test]
fn takes_virtual_time_for_writes_and_transactions() {
    in_virtual_time(async {
        let model = model(&["a", "b"]);
        let start = Instant::now();
        update(&model, "a").await;
        assert_eq!(start.elapsed(), Duration::from_millis(2 + 3));
        let start = Instant::now();
        transact(&model, &["a", "b"]).await;
        assert_eq!(start.elapsed(), Duration::from_millis(2 + 6));
    });
}

#[test]
fn averages_times_below_one_millisecond() {
    in_virtual_time(async {
        let assumptions = Assumptions { per_action: Duration::from_micros(100), ..Assumptions::default() };
        let model = DynamoDbModel::new(assumptions, &[(TABLE, "Id")]);
        model.put(TABLE, &json!({"Id": {"S": "a"}, "Quantity": {"N": "1000"}}));
        let start = Instant::now();
        for _ in 0..400 {
            transact(&model, &["a"]).await;
        }
        let mean = start.elapsed().as_secs_f64() * 1000.0 / 400.0;
        assert!((mean - 8.1).abs() < 0.2, "{mean} ms");
    });
}

#[test]
fn limits_the_write_units_of_one_key() {
    // Callers that never wait, for two seconds: 1,000 units per second and a burst of 100.
    for (transactional, expected) in [(false, 2100), (true, 1050)] {
        in_virtual_time(async {
            let ids: Vec<String> = (0..200).map(|n| format!("own-{n}")).collect();
            let model = model(&["hot"]);
            for id in &ids {
                model.put(TABLE, &json!({"Id": {"S": id}, "Quantity": {"N": "1000000"}}));
            }
            let until = Instant::now() + Duration::from_secs(2);
            let caller = async |id: &str| {
                let mut throttled = 0;
                while Instant::now() < until {
                    let response = if transactional {
                        transact(&model, &["hot"]).await
                    } else {
                        update(&model, "hot").await
                    };
                    throttled += u32::from(response.status == 400 && response.body.contains("Throttling"));
                    assert_eq!(update(&model, id).await.status, 200, "another key is not throttled");
                }
                throttled
            };
            let callers = if transactional { 1 } else { 200 };
            let throttled: u32 =
                join_all(ids.iter().take(callers).map(|id| caller(id))).await.into_iter().sum();
            let written = 1_000_000 - quantity(&model, "hot");
            if transactional {
                // A single caller stays below the limit.
                assert_eq!(throttled, 0);
                assert!(written < expected, "{written}");
            } else {
                assert!(throttled > 0);
                assert!((expected - 20..=expected + 20).contains(&written), "{written}");
            }
        });
    }
}

#[test]
fn counts_twice_the_units_for_transactions_and_more_for_large_items() {
    in_virtual_time(async {
        let model = model(&["a"]);
        let large = json!({"Id": {"S": "large"}, "Quantity": {"N": "9"}, "Text": {"S": "x".repeat(1500)}});
        model.put(TABLE, &large);
        update(&model, "a").await;
        assert_eq!(model.usage().write_units, 1.0);
        update(&model, "large").await;
        assert_eq!(model.usage().write_units, 3.0);
        transact(&model, &["a", "large"]).await;
        assert_eq!((model.usage().write_units, model.usage().rejected_units), (9.0, 0.0));
    });
}

#[test]
fn counts_units_of_rejected_writes() {
    in_virtual_time(async {
        let model = model(&["a", "b"]);
        model.put(TABLE, &json!({"Id": {"S": "empty"}, "Quantity": {"N": "0"}}));
        assert_eq!(update(&model, "empty").await.status, 400);
        assert_eq!((model.usage().write_units, model.usage().rejected_units), (0.0, 1.0));
        assert_eq!(reasons(&transact(&model, &["a", "empty"]).await), ["None", "ConditionalCheckFailed"]);
        assert_eq!((model.usage().write_units, model.usage().rejected_units), (0.0, 3.0));
        assert_eq!(quantity(&model, "a"), 1_000_000);
    });
}

#[test]
fn cancels_a_transaction_when_a_key_has_too_few_units() {
    in_virtual_time(async {
        let assumptions = Assumptions { burst_units: 3.0, write_units_per_second: 10.0, ..exact() };
        let model = DynamoDbModel::new(assumptions, &[(TABLE, "Id")]);
        for id in ["a", "b"] {
            model.put(TABLE, &json!({"Id": {"S": id}, "Quantity": {"N": "9"}}));
        }
        assert_eq!(transact(&model, &["a"]).await.status, 200);
        assert_eq!(reasons(&transact(&model, &["b", "a"]).await), ["None", "ThrottlingError"]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(transact(&model, &["b", "a"]).await.status, 200);
    });
}
