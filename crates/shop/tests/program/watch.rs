//! `shop watch` on the stream of a test shop.

use serde_json::Value;
use shop::watch::{self, WatchOptions};
use test_support::{AwsError, EventDriver, TestShop};

use crate::orders::{change_status, place};
use crate::stack_file::{StackFile, run};

/// Returns what a watch in JSON prints about the changes that the stream has.
async fn watch_all(shop: &TestShop, options: WatchOptions) -> Vec<Value> {
    let mut output = Vec::new();
    let options = WatchOptions { all: true, ..options };
    watch::run(&StackFile::of(shop).open().await, &options, true, &mut output).await.unwrap();
    parse(&output)
}

fn parse(output: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(output).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn order_ids(changes: &[Value]) -> Vec<&str> {
    changes.iter().map(|change| change["orderId"].as_str().unwrap()).collect()
}

fn statuses(changes: &[Value]) -> Vec<(Option<&str>, &str)> {
    changes.iter().map(|change| (change["from"].as_str(), change["to"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn prints_each_change_of_the_status_in_order() {
    let shop = TestShop::seeded().await;
    let id = place(&shop, 2).await;
    let mut driver = EventDriver::new(&shop).await;
    driver.run().await;
    change_status(&shop, "ship", &id).await;
    driver.run().await;
    change_status(&shop, "deliver", &id).await;
    driver.run().await;

    let options = WatchOptions { order: Some(id.clone()), count: Some(4), ..WatchOptions::default() };
    let changes = watch_all(&shop, options).await;
    let expected = [
        (None, "Placed"),
        (Some("Placed"), "Confirmed"),
        (Some("Confirmed"), "Shipped"),
        (Some("Shipped"), "Delivered"),
    ];
    assert_eq!(statuses(&changes), expected);
    let lines = serde_json::json!([{"productId": "001", "quantity": 2}, {"productId": "002", "quantity": 1}]);
    assert_eq!((&changes[0]["lines"], &changes[0]["totalAmount"]), (&lines, &"359.97".into()));
    assert_eq!((&changes[0]["orderId"], &changes[0]["customerId"]), (&id.into(), &"001".into()));
}

#[tokio::test]
async fn prints_only_the_changes_that_pass_the_filters() {
    let shop = TestShop::seeded().await;
    let (first, second) = (place(&shop, 1).await, place(&shop, 1).await);
    let seeded = "001".to_owned();
    let of = |ids: Vec<Value>| {
        ids.iter().map(|change| change["orderId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let customer = WatchOptions { customer: Some("001".into()), count: Some(3), ..WatchOptions::default() };
    assert_eq!(of(watch_all(&shop, customer).await), [&seeded, &first, &second].map(Clone::clone));
    let order = WatchOptions { order: Some(second.clone()), count: Some(1), ..WatchOptions::default() };
    assert_eq!(of(watch_all(&shop, order).await), [second]);
    let product = WatchOptions { product: Some("002".into()), count: Some(2), ..WatchOptions::default() };
    assert_eq!(of(watch_all(&shop, product).await), [seeded, first]);
}

#[tokio::test]
async fn starts_after_the_newest_change_and_misses_none() {
    let shop = TestShop::seeded().await;
    place(&shop, 1).await;
    let (file, mut output) = (StackFile::of(&shop), Vec::new());
    let stack = file.open().await;
    let options = WatchOptions { count: Some(3), ..WatchOptions::default() };
    let placing = async {
        // After the watch has opened the stream.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        [place(&shop, 1).await, place(&shop, 1).await, place(&shop, 1).await]
    };
    let (result, ids) = tokio::join!(watch::run(&stack, &options, true, &mut output), placing);
    result.unwrap();
    assert_eq!(order_ids(&parse(&output)), ids);
}

#[tokio::test]
async fn a_lost_iterator_at_the_newest_change_misses_none() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("GetRecords").fail(AwsError::new(400, "TrimmedDataAccessException", "lost"));
    let (file, mut output) = (StackFile::behind_the_proxy(&shop), Vec::new());
    let stack = file.open().await;
    // The stream knows times in seconds, so that changes of the second of the opening are printed too.
    tokio::time::sleep(std::time::Duration::from_millis(2000)).await;
    let options = WatchOptions { count: Some(2), ..WatchOptions::default() };
    let placing = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        [place(&shop, 1).await, place(&shop, 1).await]
    };
    let (result, ids) = tokio::join!(watch::run(&stack, &options, true, &mut output), placing);
    result.unwrap();
    assert_eq!(order_ids(&parse(&output)), ids);
}

#[tokio::test]
async fn a_lost_iterator_misses_and_repeats_nothing() {
    let shop = TestShop::seeded().await;
    for (nth, kind) in [(1, "ExpiredIteratorException"), (3, "TrimmedDataAccessException")] {
        shop.proxy.on("GetRecords").nth(nth).fail(AwsError::new(400, kind, "lost"));
    }
    let ids = [place(&shop, 1).await, place(&shop, 1).await];
    let (file, mut output) = (StackFile::behind_the_proxy(&shop), Vec::new());
    let options = WatchOptions { all: true, count: Some(4), ..WatchOptions::default() };
    let stack = file.open().await;
    let later = async {
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        place(&shop, 1).await
    };
    let (result, last) = tokio::join!(watch::run(&stack, &options, true, &mut output), later);
    result.unwrap();
    assert_eq!(order_ids(&parse(&output)), ["001", &ids[0], &ids[1], &last]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_prints_lines_without_colors_outside_of_a_terminal() {
    let shop = TestShop::seeded().await;
    let id = place(&shop, 2).await;
    let file = StackFile::of(&shop);
    let output = run(&["watch", "--local", file.path(), "--all", "--order", &id, "--count", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.trim_end().split_once("  ").unwrap().1.trim_start();
    assert_eq!(line, format!("new → Placed     {id}  customer 001  2× 001  1× 002  total 359.97"));
    assert_eq!(output.status.code(), Some(0));
}
