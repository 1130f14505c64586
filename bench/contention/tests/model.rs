//! The model keeps to its rules, and time to the model.

use std::future::Future;
use std::time::Duration;

use contention::design::Design;
use contention::model::{Answer, Model, Rules};
use contention::queue::{Delivery, Queue};
use contention::run::Scenario;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const TABLE: &str = "Stock";

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    fastrand::seed(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

/// A model without chance, with these items.
fn model(ids: &[&str]) -> Model {
    let model =
        Model::new(Rules { spread: 0.0, action: Duration::ZERO, ..Rules::default() }, &[(TABLE, "Id")]);
    for id in ids {
        model.put(TABLE, &json!({"Id": {"S": id}, "Quantity": {"N": "1000000"}}));
    }
    model
}

fn take(id: &str) -> Value {
    json!({
        "TableName": TABLE, "Key": {"Id": {"S": id}},
        "UpdateExpression": "SET Quantity = Quantity - :one", "ConditionExpression": "Quantity >= :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    })
}

async fn update(model: &Model, id: &str) -> Answer {
    model.call("UpdateItem", &take(id).to_string()).await
}

async fn transact(model: &Model, ids: &[&str]) -> Answer {
    let actions: Vec<_> = ids.iter().map(|id| json!({"Update": take(id)})).collect();
    model.call("TransactWriteItems", &json!({"TransactItems": actions}).to_string()).await
}

fn quantity(model: &Model, id: &str) -> i64 {
    model.item(TABLE, id).unwrap()["Quantity"]["N"].as_str().unwrap().parse().unwrap()
}

/// Why a transaction was canceled, action by action.
fn reasons((status, body): &Answer) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (*status, body["__type"].as_str().unwrap().ends_with("#TransactionCanceledException")),
        (400, true)
    );
    let reasons = body["CancellationReasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["Code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_transaction_that_meets_another_is_canceled_for_just_the_items_in_conflict() {
    in_virtual_time(async {
        let model = model(&["a", "b", "c"]);
        let second = async {
            sleep(Duration::from_millis(1)).await;
            transact(&model, &["b", "a", "c"]).await
        };
        let (first, second) = tokio::join!(transact(&model, &["a"]), second);
        assert_eq!(first.0, 200);
        assert_eq!(reasons(&second), ["None", "TransactionConflict", "None"]);
        assert_eq!(["a", "b", "c"].map(|id| quantity(&model, id)), [999_999, 1_000_000, 1_000_000]);
        assert_eq!((model.tally().conflicts, model.tally().conflicted, model.tally().writes), (1, 1, 2));

        assert_eq!(transact(&model, &["b", "a", "c"]).await.0, 200, "the items are held no longer");
    });
}

#[test]
fn the_items_of_a_canceled_transaction_are_held_only_while_it_is_prepared() {
    in_virtual_time(async {
        let model = model(&["a", "b"]);
        let after = |millis, ids: &'static [&str]| {
            let model = &model;
            async move {
                sleep(Duration::from_millis(millis)).await;
                transact(model, ids).await
            }
        };
        // Canceled by the first, and holds b from 2 to 5 ms.
        let outcomes =
            join_all([after(0, &["a"]), after(1, &["a", "b"]), after(2, &["b"]), after(5, &["b"])]).await;
        let statuses: Vec<_> = outcomes.iter().map(|answer| answer.0).collect();
        assert_eq!(statuses, [200, 400, 400, 200]);
        assert_eq!(quantity(&model, "b"), 999_999);
    });
}

#[test]
fn a_single_write_meets_transactions_but_no_other_single_write() {
    in_virtual_time(async {
        let model = model(&["a"]);
        let single = async {
            sleep(Duration::from_millis(1)).await;
            update(&model, "a").await
        };
        let (transaction, (status, body)) = tokio::join!(transact(&model, &["a"]), single);
        assert_eq!((transaction.0, status), (200, 400));
        assert!(body.contains("#TransactionConflictException"), "{body}");

        let before = quantity(&model, "a");
        assert!(join_all((0..50).map(|_| update(&model, "a"))).await.iter().all(|answer| answer.0 == 200));
        assert_eq!(quantity(&model, "a"), before - 50);
        assert_eq!(model.tally().conflicts, 1);
    });
}

#[test]
fn what_takes_time_takes_it_on_the_models_clock() {
    in_virtual_time(async {
        let model = model(&["a", "b"]);
        let began = Instant::now();
        update(&model, "a").await;
        assert_eq!(began.elapsed(), Duration::from_millis(2 + 3));
        let began = Instant::now();
        transact(&model, &["a", "b"]).await;
        assert_eq!(began.elapsed(), Duration::from_millis(2 + 6));
    });
}

#[test]
fn times_are_right_on_average_below_the_clocks_millisecond() {
    in_virtual_time(async {
        let rules = Rules { action: Duration::from_micros(100), ..Rules::default() };
        let model = Model::new(rules, &[(TABLE, "Id")]);
        model.put(TABLE, &json!({"Id": {"S": "a"}, "Quantity": {"N": "1000"}}));
        let began = Instant::now();
        for _ in 0..400 {
            transact(&model, &["a"]).await;
        }
        let mean = began.elapsed().as_secs_f64() * 1000.0 / 400.0;
        assert!((mean - 8.1).abs() < 0.2, "{mean} ms");
    });
}

#[test]
fn one_key_takes_no_more_than_its_write_units_a_second() {
    // Many callers who never wait: 1,000 units a second, and a tenth of a second's to begin with.
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
                    let (status, body) = if transactional {
                        transact(&model, &["hot"]).await
                    } else {
                        update(&model, "hot").await
                    };
                    throttled += u32::from(status == 400 && body.contains("Throttling"));
                    assert_eq!(update(&model, id).await.0, 200, "other keys have units of their own");
                }
                throttled
            };
            let callers = if transactional { 1 } else { 200 };
            let throttled: u32 =
                join_all(ids.iter().take(callers).map(|id| caller(id))).await.into_iter().sum();
            let made = 1_000_000 - quantity(&model, "hot");
            if transactional {
                // One caller alone is slower than the limit.
                assert_eq!(throttled, 0);
                assert!(made < expected, "{made}");
            } else {
                assert!(throttled > 0);
                assert!((expected - 20..=expected + 20).contains(&made), "{made}");
            }
        });
    }
}

#[test]
fn a_transaction_takes_twice_the_units_and_large_items_take_more() {
    in_virtual_time(async {
        let model = model(&["a"]);
        let large = json!({"Id": {"S": "large"}, "Quantity": {"N": "9"}, "Text": {"S": "x".repeat(1500)}});
        model.put(TABLE, &large);
        update(&model, "a").await;
        assert_eq!(model.tally().units, 1.0);
        update(&model, "large").await;
        assert_eq!(model.tally().units, 3.0);
        transact(&model, &["a", "large"]).await;
        assert_eq!((model.tally().units, model.tally().wasted), (9.0, 0.0));
    });
}

#[test]
fn what_is_refused_takes_units_as_well() {
    in_virtual_time(async {
        let model = model(&["a", "b"]);
        model.put(TABLE, &json!({"Id": {"S": "empty"}, "Quantity": {"N": "0"}}));
        assert_eq!(update(&model, "empty").await.0, 400);
        assert_eq!((model.tally().units, model.tally().wasted), (0.0, 1.0));
        assert_eq!(reasons(&transact(&model, &["a", "empty"]).await), ["None", "ConditionalCheckFailed"]);
        assert_eq!((model.tally().units, model.tally().wasted), (0.0, 3.0));
        assert_eq!(quantity(&model, "a"), 1_000_000);
    });
}

#[test]
fn a_key_without_units_cancels_a_transaction() {
    in_virtual_time(async {
        let rules = Rules {
            burst: 3.0,
            spread: 0.0,
            action: Duration::ZERO,
            units_per_second: 10.0,
            ..Rules::default()
        };
        let model = Model::new(rules, &[(TABLE, "Id")]);
        for id in ["a", "b"] {
            model.put(TABLE, &json!({"Id": {"S": id}, "Quantity": {"N": "9"}}));
        }
        assert_eq!(transact(&model, &["a"]).await.0, 200);
        assert_eq!(reasons(&transact(&model, &["b", "a"]).await), ["None", "ThrottlingError"]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(transact(&model, &["b", "a"]).await.0, 200);
    });
}

// The queue

fn numbers(batch: &[contention::queue::Message]) -> Vec<usize> {
    batch.iter().map(|message| message.number).collect()
}

#[test]
fn an_event_that_fails_comes_again_after_one_and_after_two_minutes_and_then_no_more() {
    in_virtual_time(async {
        let start = Instant::now();
        let queue = Queue::new(Delivery::Direct, 1, [start]);
        for seconds in [0, 60, 180] {
            let batch = queue.receive(0).await.unwrap();
            assert_eq!((numbers(&batch), start.elapsed().as_secs()), (vec![0], seconds));
            queue.settle(batch[0].clone(), false);
        }
        assert!(queue.receive(0).await.is_none());
        assert_eq!((queue.dead(), queue.failures()), (1, 3));
    });
}

#[test]
fn a_batch_is_handed_over_when_it_is_full_or_its_window_ends() {
    in_virtual_time(async {
        let start = Instant::now();
        let times = [0, 10, 20, 30, 5_000].map(|millis| start + Duration::from_millis(millis));
        let delivery = Delivery::Batched { size: 3, window: Duration::from_secs(1) };
        let queue = Queue::new(delivery, 1, times);
        for (expected, millis) in [(vec![0, 1, 2], 20), (vec![3], 1030), (vec![4], 6000)] {
            let batch = queue.receive(0).await.unwrap();
            assert_eq!((numbers(&batch), start.elapsed().as_millis()), (expected, millis));
            batch.into_iter().for_each(|message| queue.settle(message, true));
        }
        assert!(queue.receive(0).await.is_none());
    });
}

// Runs

#[test]
fn a_run_has_the_same_outcome_each_time_and_loses_and_oversells_nothing() {
    let designs = [
        (Design::Transaction, Delivery::Direct),
        (Design::Stripes(4), Delivery::Direct),
        (Design::SingleItem, Delivery::Direct),
        (Design::Batch, Delivery::Batched { size: 10, window: Duration::ZERO }),
    ];
    for (design, delivery) in designs {
        let scenario = Scenario {
            design,
            delivery,
            concurrency: 8,
            orders: 60,
            per_second: None,
            rules: Rules::default(),
        };
        let (first, second) = (scenario.run(), scenario.run());
        assert_eq!(first.tally, second.tally, "{design:?}");
        assert_eq!(first.confirmed_at, second.confirmed_at, "{design:?}");
        assert_eq!((first.end.confirmed, first.dead, first.end.left), (60, 0, 0), "{design:?}");
    }
}
