//! Idempotency of `POST /order`.

use std::collections::BTreeSet;

use api::documents::OrderDocument;
use test_support::{ApiRequest, ApiResponse, TestShop, concurrently};

use crate::place_order::{ORDER, order_with_total, place, place_with_key};

fn order_id(response: &ApiResponse) -> String {
    response.json()["orderId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn creates_one_order_for_fifty_concurrent_requests_with_one_key() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let request = place_with_key("key-1", ORDER);
    let responses = concurrently((0..50).map(|_| request.send(&service))).await;
    let distinct: BTreeSet<_> = responses
        .iter()
        .map(|response| (response.status, &response.body, response.header("location")))
        .collect();
    assert_eq!(distinct.len(), 1, "{distinct:?}");
    assert_eq!(responses[0].status, 201);
    let stored_orders = shop.stored_orders().await;
    let placed_by_api = stored_orders.iter().filter(|stored| stored.request_hash.is_some());
    assert_eq!(placed_by_api.count(), 1);
    assert_eq!(shop.proxy.calls("PutItem"), 50);
}

#[tokio::test]
async fn returns_the_first_response_to_a_retry_after_a_status_change() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    let cancel = ApiRequest::post("/order/{orderId}/cancel").path("orderId", &order_id(&first));
    assert_eq!(cancel.send(&service).await.status, 200);

    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, &retry.body), (201, &first.body));
    assert_eq!(retry.header("location"), first.header("location"));
}

#[tokio::test]
async fn returns_the_first_response_to_a_retry_after_a_price_change() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    shop.set_price("001", "1.00").await;

    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, retry.body), (201, first.body));
}

#[tokio::test]
async fn returns_the_first_response_to_a_retry_after_a_product_is_deleted() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    shop.delete(&shop.tables.products, "ProductId", "002").await;

    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, retry.body), (201, first.body));
}

#[tokio::test]
async fn ignores_price_changes_on_retry() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let body = order_with_total("359.97");
    let first = place_with_key("key-1", &body).send(&service).await;
    shop.set_price("001", "1.00").await;

    let retry = place_with_key("key-1", &body).send(&service).await;
    assert_eq!((retry.status, retry.body), (201, first.body));
    let new_request = place_with_key("key-2", &body).send(&service).await;
    assert_eq!(new_request.problem(), (409, "total-differs".into()));
    assert_eq!(new_request.violations(), [("#/totalAmount".into(), "total-differs".into())]);
}

#[tokio::test]
async fn rejects_a_key_that_is_reused_for_a_different_request() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    let before = shop.snapshot().await;

    let equivalent_body = r#"{"items":[{"productId":"002","quantity":1},{"productId":"001","quantity":1},
        {"quantity":1,"productId":"001"}],"customerId":"001"}"#;
    assert_eq!(place_with_key("key-1", equivalent_body).send(&service).await.body, first.body);
    for other in [ORDER.replace("\"quantity\":2", "\"quantity\":3"), order_with_total("359.97")] {
        let response = place_with_key("key-1", &other).send(&service).await;
        assert_eq!(response.problem(), (422, "idempotency-key-reused".to_owned()), "{other}");
        assert_eq!(response.json()["orderId"], first.json()["orderId"], "the order that the key has placed");
    }
    assert_eq!(shop.snapshot().await, before);

    let other_customer = place_with_key("key-1", &ORDER.replacen("001", "002", 1)).send(&service).await;
    assert_eq!(other_customer.status, 201);
    assert_ne!(other_customer.json()["orderId"], first.json()["orderId"]);
}

#[tokio::test]
async fn an_event_cannot_occupy_the_id_that_a_key_gives() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    let mut event_order = shop.stored_order(&order_id(&first)).await.unwrap();
    event_order.request_hash = None;
    shop.put_stored_order(&event_order).await;
    let before = shop.stored_order(&order_id(&first)).await;
    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!(retry.status, 201, "{}", retry.body);
    assert_ne!(order_id(&retry), order_id(&first));
    for _ in 0..2 {
        assert_eq!(place_with_key("key-1", ORDER).send(&service).await.body, retry.body);
    }
    let reused =
        place_with_key("key-1", &ORDER.replace("\"quantity\":2", "\"quantity\":3")).send(&service).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused".into()));
    // The first response is returned even if the order can no longer be priced.
    shop.delete(&shop.tables.products, "ProductId", "001").await;
    assert_eq!(place_with_key("key-1", ORDER).send(&service).await.body, retry.body);
    assert_eq!(shop.stored_order(&order_id(&first)).await, before, "the order of the event is unchanged");
}

#[tokio::test]
async fn creates_one_order_when_the_response_to_the_write_is_lost() {
    for request in [place(ORDER), place_with_key("key-1", ORDER)] {
        let shop = TestShop::seeded().await;
        let before = shop.orders().await.len();
        shop.proxy.on("PutItem").drop_response();
        let response = request.send(&shop.order_service()).await;
        assert_eq!(response.status, 201);
        assert_eq!(shop.proxy.calls("PutItem"), 2);
        assert_eq!(shop.orders().await.len(), before + 1);
        let stored = shop.order(&order_id(&response)).await.unwrap();
        assert_eq!(serde_json::to_string(&OrderDocument::from(&stored)).unwrap(), response.body);
    }
}

#[tokio::test]
async fn creates_one_order_for_a_client_that_retries_before_the_response() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let gate = shop.proxy.on("PutItem").hold_request();
    let request = place_with_key("key-1", ORDER);
    let first = request.send(&service);
    let second = async {
        gate.reached().await;
        let second = request.send(&service).await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.status, first.body), (201, second.body));
}
