//! The other routes of the API: reading orders and products, and changing an order.

use domain::{EventKind, Order, OrderStatus};
use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse, AwsError, TestShop, invocation};

fn post(action: &str, id: &str) -> ApiRequest {
    ApiRequest::post(&format!("/order/{{orderId}}/{action}")).path("orderId", id)
}

fn order(id: &str) -> ApiRequest {
    ApiRequest::get("/order/{orderId}").path("orderId", id)
}

fn orders_of(customer: &str) -> ApiRequest {
    ApiRequest::get("/customers/{customerId}/orders").path("customerId", customer)
}

/// Stores the seed's order with another status, id, customer or time.
async fn store(shop: &TestShop, change: impl FnOnce(&mut Order)) {
    let mut order = shop.order("001").await.unwrap();
    change(&mut order);
    shop.put_order(&order).await;
}

fn ids(response: &ApiResponse) -> Vec<String> {
    let orders = response.json()["orders"].as_array().cloned().unwrap();
    orders.iter().map(|order| order["orderId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_order_is_shown_as_it_is_stored() {
    let shop = TestShop::seeded().await;
    let response = order("001").send(&shop.order_service()).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.body, serde_json::to_string(&shop.order("001").await.unwrap()).unwrap());
    assert_eq!(shop.proxy.requests("GetItem")[0]["ConsistentRead"], true);
    for unknown in ["404", "no such id", "%00"] {
        assert_eq!(
            order(unknown).send(&shop.order_service()).await.problem(),
            (404, "not-found".into()),
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn a_change_is_one_conditional_write_that_carries_its_event() {
    let cases = [
        ("cancel", OrderStatus::Placed, OrderStatus::Canceled, EventKind::Canceled),
        ("cancel", OrderStatus::Confirmed, OrderStatus::Canceled, EventKind::Canceled),
        ("ship", OrderStatus::Confirmed, OrderStatus::Shipped, EventKind::Shipped),
        ("deliver", OrderStatus::Shipped, OrderStatus::Delivered, EventKind::Delivered),
    ];
    for (action, from, to, event) in cases {
        let shop = TestShop::seeded().await;
        store(&shop, |order| (order.status, order.stock_reserved) = (from, true)).await;
        let response =
            post(action, "001").header("X-Correlation-Id", "c-1").send(&shop.order_service()).await;
        assert_eq!(response.status, 200, "{action}: {response:?}");
        assert_eq!(response.json()["orderStatus"], to.as_str());
        assert_eq!(json!(shop.proxy.calls_by_operation()), json!({"UpdateItem": 1}));
        let stored = shop.order("001").await.unwrap();
        let pending = stored.event.clone().unwrap();
        assert_eq!((stored.status, pending.kind, pending.correlation_id.as_str()), (to, event, "c-1"));
        assert_eq!(stored.updated_at, pending.time);
        assert!(stored.stock_reserved, "the stock is given back with the event, not before");
    }
}

#[tokio::test]
async fn a_change_that_the_status_does_not_allow_is_refused_and_changes_nothing() {
    use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    let cases = [
        ("cancel", vec![Shipped, Delivered, Rejected]),
        ("ship", vec![Placed, Delivered, Rejected, Canceled]),
        ("deliver", vec![Placed, Confirmed, Rejected, Canceled]),
    ];
    let shop = TestShop::seeded().await;
    for (action, statuses) in cases {
        for status in statuses {
            store(&shop, |order| order.status = status).await;
            let before = shop.snapshot().await;
            let response = post(action, "001").send(&shop.order_service()).await;
            assert_eq!(response.problem(), (409, "illegal-change".into()), "{action} {status}");
            assert!(response.body.contains(status.as_str()), "{}", response.body);
            assert_eq!(shop.snapshot().await, before);
        }
    }
}

#[tokio::test]
async fn a_change_asked_for_twice_is_made_once() {
    for (action, from) in [
        ("cancel", OrderStatus::Confirmed),
        ("ship", OrderStatus::Confirmed),
        ("deliver", OrderStatus::Shipped),
    ] {
        let shop = TestShop::seeded().await;
        store(&shop, |order| order.status = from).await;
        let first = post(action, "001").send(&shop.order_service()).await;
        let stored = shop.snapshot().await;
        let second = post(action, "001").send(&shop.order_service()).await;
        assert_eq!((second.status, &second.body), (200, &first.body));
        assert_eq!(shop.snapshot().await, stored);
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_answered_all_the_same() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("UpdateItem").drop_response();
    let response = post("cancel", "001").send(&shop.order_service()).await;
    assert_eq!((response.status, response.json()["orderStatus"].as_str()), (200, Some("Canceled")));
    assert_eq!(shop.proxy.calls("UpdateItem"), 2);
}

#[tokio::test]
async fn an_order_that_a_transaction_holds_is_changed_once_it_lets_go() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("UpdateItem").times(2).fail(AwsError::transaction_conflict());
    assert_eq!(post("cancel", "001").send(&shop.order_service()).await.status, 200);
    shop.proxy.on("UpdateItem").always().fail(AwsError::transaction_conflict());
    assert_eq!(post("cancel", "001").send(&shop.order_service()).await.problem(), (503, "busy".into()));
}

#[tokio::test]
async fn there_is_nothing_to_change_about_an_order_that_does_not_exist() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for action in ["cancel", "ship", "deliver"] {
        for unknown in ["404", "no such id"] {
            assert_eq!(
                post(action, unknown).send(&shop.order_service()).await.problem(),
                (404, "not-found".into())
            );
        }
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn a_customers_orders_come_newest_first_page_by_page() {
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
        serde_json::to_value(shop.order("order-5").await.unwrap()).unwrap().to_string()
    );

    let (mut seen, mut token, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let request = orders_of("002").query("limit", "2");
        let response = token
            .iter()
            .fold(request, |request, token| request.query("nextToken", token))
            .send(&shop.order_service())
            .await;
        seen.extend(ids(&response));
        pages += 1;
        match response.json()["nextToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((seen.as_slice(), pages), (all.map(str::to_owned).as_slice(), 3));
}

#[tokio::test]
async fn a_list_is_asked_for_in_the_rules_terms() {
    let shop = TestShop::seeded().await;
    let alien = base64_url("001");
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
    for token in ["", "???", "b3JkZXI=", &base64_url("404"), &alien, &base64_url("a b")] {
        let response = orders_of("002").query("nextToken", token).send(&shop.order_service()).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{token}");
        assert_eq!(response.json()["errors"][0]["rule"], "invalid-token");
    }
    let both =
        orders_of("002").query("limit", "0").query("nextToken", "???").send(&shop.order_service()).await;
    assert_eq!(both.json()["errors"].as_array().unwrap().len(), 2);
    assert_eq!(orders_of("404").send(&shop.order_service()).await.problem(), (404, "not-found".into()));
    assert_eq!(
        orders_of("no such id").send(&shop.order_service()).await.problem(),
        (404, "not-found".into())
    );
}

#[tokio::test]
async fn a_customer_without_orders_has_an_empty_list() {
    let shop = TestShop::seeded().await;
    let response = orders_of("002").send(&shop.order_service()).await;
    assert_eq!((response.status, response.body.as_str()), (200, r#"{"orders":[]}"#));
}

#[tokio::test]
async fn the_catalogue_is_shown_with_exact_prices() {
    let shop = TestShop::seeded().await;
    let response = ApiRequest::get("/products").send(&shop.order_service()).await;
    assert_eq!(response.status, 200);
    let one = r#"{"productId":"001","name":"Wireless Headphones","price":79.99}"#;
    let two = r#"{"productId":"002","name":"Smartwatch","price":199.99}"#;
    assert!(response.body.contains(one) && response.body.contains(two), "{}", response.body);

    let product = |id: &str| ApiRequest::get("/products/{productId}").path("productId", id);
    assert_eq!(product("001").send(&shop.order_service()).await.body, one);
    for unknown in ["404", "no such id"] {
        assert_eq!(product(unknown).send(&shop.order_service()).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn the_catalogue_comes_page_by_page_too() {
    let shop = TestShop::seeded().await;
    let (mut seen, mut token) = (Vec::new(), None::<String>);
    for _ in 0..4 {
        let request = ApiRequest::get("/products").query("limit", "1");
        let response = token
            .iter()
            .fold(request, |request, token| request.query("nextToken", token))
            .send(&shop.order_service())
            .await;
        let products = response.json()["products"].as_array().cloned().unwrap();
        assert!(products.len() <= 1);
        seen.extend(products.into_iter().map(|product| product["productId"].as_str().unwrap().to_owned()));
        match response.json()["nextToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["001", "002"]);
    assert_eq!(
        ApiRequest::get("/products").query("limit", "0").send(&shop.order_service()).await.problem(),
        (422, "invalid".into())
    );
}

#[tokio::test]
async fn a_route_that_does_not_exist_is_not_found() {
    let shop = TestShop::seeded().await;
    for request in [ApiRequest::get("/order"), ApiRequest::post("/products"), ApiRequest::get("/nowhere")] {
        assert_eq!(request.send(&shop.order_service()).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn an_invocation_by_anything_else_is_an_error_by_type() {
    let shop = TestShop::seeded().await;
    let failure = shop.order_service().handle(invocation::event("OrderPlaced", "{}")).await.unwrap_err();
    assert_eq!(failure.error_type, "UnsupportedTrigger");
    let failure = shop.inventory_service().handle(invocation::stream(&[])).await.unwrap_err();
    assert_eq!(failure.error_type, "UnsupportedTrigger");
}

#[tokio::test]
async fn stock_is_shown_as_it_is_on_hand() {
    let shop = TestShop::seeded().await;
    let stock = async |id: &str| {
        let request = ApiRequest::get("/inventory/{productId}").path("productId", id);
        request.send(&shop.inventory_service()).await
    };
    let response = stock("001").await;
    assert_eq!((response.status, response.body.as_str()), (200, r#"{"productId":"001","quantity":150}"#));
    assert_eq!(shop.proxy.requests("GetItem")[0]["ConsistentRead"], true);
    for unknown in ["404", "no such id"] {
        assert_eq!(stock(unknown).await.problem(), (404, "not-found".into()));
    }
    shop.proxy.on("GetItem").always().fail(AwsError::throttled());
    assert_eq!(stock("001").await.problem(), (503, "busy".into()));
}

fn base64_url(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text)
}
