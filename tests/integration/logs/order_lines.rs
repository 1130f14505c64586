//! The log lines of one order, which show its way from the request to the reserved stock.

use domain::Timestamp;
use serde_json::Value;
use test_support::{ApiRequest, EventDriver, TestShop};

use super::Log;

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}]}"#;

/// Returns the values of these fields, or `null`.
fn fields<const N: usize>(line: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| line[name].clone())
}

#[tokio::test]
async fn the_lines_of_an_order_show_its_way_with_ids_times_and_durations() {
    let (log, _guard) = Log::capture_at("INFO");
    let shop = TestShop::seeded().await.with_logged_metrics();
    let mut driver = EventDriver::new(&shop).await;
    let request = ApiRequest::post("/order").json(ORDER).header("X-Correlation-Id", "c-1");
    let response = request.send(&shop.order_service()).await;
    driver.run().await;

    let lines: Vec<Value> = log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [answered, placed, applied, confirmed] = &lines[..] else { panic!("{lines:#?}") };
    let order_id = &response.json()["orderId"];
    for line in &lines {
        assert_eq!(fields(line, ["orderId", "correlationId"]), [order_id.clone(), "c-1".into()], "{line}");
        assert!(line["durationMs"].is_u64(), "{line}");
        line["timestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
    }
    let message = |line: &Value| line["message"].as_str().unwrap().to_owned();
    assert_eq!(
        lines.iter().map(message).collect::<Vec<_>>(),
        ["answered", "published", "applied", "published"]
    );
    let times: Vec<_> = lines.iter().map(|line| line["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");

    let event_ids: Vec<_> = lines.iter().map(|line| &line["eventId"]).collect();
    assert!(event_ids.iter().all(|id| id.is_string()), "{event_ids:?}");
    assert_eq!((event_ids[0], event_ids[0]), (event_ids[1], event_ids[2]), "one event from request to write");
    assert_ne!(event_ids[3], event_ids[0]);
    assert_eq!(fields(answered, ["status", "OrdersPlaced"]), [Value::from(201), Value::from(1)]);
    assert_eq!(placed["detailType"], "OrderPlaced");
    assert_eq!(fields(applied, ["outcome", "OrdersConfirmed"]), ["Confirmed".into(), Value::from(1)]);
    assert_eq!(confirmed["detailType"], "OrderConfirmed");
    assert!(placed["OutboxLag"].is_u64() && confirmed["OutboxLag"].is_u64());
}

#[tokio::test]
async fn the_line_of_a_rejected_order_has_its_shortages() {
    let (log, _guard) = Log::capture_at("INFO");
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 0).await;
    ApiRequest::post("/order").json(ORDER).send(&shop.order_service()).await;
    EventDriver::new(&shop).await.run().await;
    let lines = log.lines();
    let rejected: Vec<_> = lines.iter().filter(|line| line.contains(r#""outcome":"Rejected""#)).collect();
    assert!(rejected.len() == 1 && rejected[0].contains(r#""shortages":"#), "{lines:#?}");
    assert_eq!(lines.len(), 4, "one line for each unit of work: {lines:#?}");
}
