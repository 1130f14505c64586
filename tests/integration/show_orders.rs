//! The routes that show one order and a customer's orders.

use api::documents::OrderDocument;
use domain::Order;
use serde_json::Value;
use test_support::{ApiRequest, ApiResponse, TestShop};

fn order(id: &str) -> ApiRequest {
    ApiRequest::get("/order/{orderId}").path("orderId", id)
}

fn orders_of(customer: &str) -> ApiRequest {
    ApiRequest::get("/customers/{customerId}/orders").path("customerId", customer)
}

/// Stores a changed copy of the seeded order.
async fn store(shop: &TestShop, change: impl FnOnce(&mut Order)) {
    let mut order = shop.order("001").await.unwrap();
    change(&mut order);
    shop.put_order(&order).await;
}

fn ids(response: &ApiResponse) -> Vec<String> {
    let orders = response.json()["orders"].as_array().cloned().unwrap();
    orders.iter().map(|order| order["orderId"].as_str().unwrap().to_owned()).collect()
}

fn base64_url(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn shows_an_order_with_a_consistent_read() {
    let shop = TestShop::seeded().await;
    let response = order("001").send(&shop.order_service()).await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.body,
        serde_json::to_string(&OrderDocument::from(&shop.order("001").await.unwrap())).unwrap()
    );
    assert_eq!(shop.proxy.requests("GetItem")[0]["ConsistentRead"], true);
    for unknown in ["404", "invalid id", "%00"] {
        assert_eq!(
            order(unknown).send(&shop.order_service()).await.problem(),
            (404, "not-found".into()),
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn lists_a_customers_orders_newest_first_in_pages() {
    let shop = TestShop::seeded().await;
    for day in 1..=5 {
        store(&shop, |order| {
            order.id = format!("order-{day}").parse().unwrap();
            order.customer_id = "002".parse().unwrap();
            order.created_at = format!("2025-02-0{day}T00:00:00Z").parse().unwrap();
        })
        .await;
    }
    let all = ["order-5", "order-4", "order-3", "order-2", "order-1"];
    let whole = orders_of("002").send(&shop.order_service()).await;
    assert_eq!((whole.status, ids(&whole)), (200, all.map(str::to_owned).to_vec()));
    assert_eq!(whole.json()["nextToken"], Value::Null);
    let first: Value = whole.json()["orders"][0].clone();
    assert_eq!(
        first.to_string(),
        serde_json::to_value(OrderDocument::from(&shop.order("order-5").await.unwrap())).unwrap().to_string()
    );

    let (mut listed, mut token, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let request = orders_of("002").query("limit", "2");
        let response = token
            .iter()
            .fold(request, |request, token| request.query("nextToken", token))
            .send(&shop.order_service())
            .await;
        listed.extend(ids(&response));
        pages += 1;
        match response.json()["nextToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((listed.as_slice(), pages), (all.map(str::to_owned).as_slice(), 3));
}

#[tokio::test]
async fn rejects_invalid_limits_and_tokens() {
    let shop = TestShop::seeded().await;
    store(&shop, |order| {
        order.id = "mine".parse().unwrap();
        order.customer_id = "002".parse().unwrap();
    })
    .await;
    for limit in ["0", "101", "-1", "ten", "1.5", "", "99999999999999999999"] {
        let response = orders_of("002").query("limit", limit).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{limit}");
        assert_eq!(response.json()["errors"][0]["pointer"], "limit");
    }
    for token in ["", "???", "b3JkZXI=", &base64_url("404"), &base64_url("a b"), &base64_url("2025#404")] {
        let response = orders_of("002").query("nextToken", token).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{token}");
        assert_eq!(response.json()["errors"][0]["rule"], "invalid-token");
    }
    let both =
        orders_of("002").query("limit", "0").query("nextToken", "???").send(&shop.order_service()).await;
    assert_eq!(both.json()["errors"].as_array().unwrap().len(), 2);
    assert_eq!(orders_of("404").send(&shop.order_service()).await.problem(), (404, "not-found".into()));
    assert_eq!(
        orders_of("invalid id").send(&shop.order_service()).await.problem(),
        (404, "not-found".into())
    );
}

#[tokio::test]
async fn lists_no_orders_for_a_customer_without_orders() {
    let shop = TestShop::seeded().await;
    let response = orders_of("002").send(&shop.order_service()).await;
    assert_eq!((response.status, response.body.as_str()), (200, r#"{"orders":[]}"#));
}
