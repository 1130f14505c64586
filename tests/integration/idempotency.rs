//! Idempotency of `POST /order`.

use std::collections::BTreeSet;

use api::documents::OrderDocument;
use test_support::{ApiRequest, TestShop, concurrently};

use crate::place_order::{ORDER, place, place_with_key};

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
    let new: Vec<_> =
        shop.stored_orders().await.into_iter().filter(|stored| stored.request_hash.is_some()).collect();
    assert_eq!(new.len(), 1);
    assert_eq!(shop.proxy.calls("PutItem"), 50);
}

#[tokio::test]
async fn returns_the_first_response_to_a_retry_after_the_order_and_catalog_have_changed() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    let id = first.json()["orderId"].as_str().unwrap().to_owned();

    let cancel = ApiRequest::post("/order/{orderId}/cancel").path("orderId", &id);
    assert_eq!(cancel.send(&service).await.status, 200);
    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, &retry.body), (201, &first.body));
    assert_eq!(retry.header("location"), first.header("location"));

    let mut product = shop.snapshot().await.products["001"].clone();
    product.insert("Price".into(), dynamodb::number("1.00"));
    shop.put(&shop.tables.products, product).await;
    assert_eq!(place_with_key("key-1", ORDER).send(&service).await.body, first.body);

    let request = shop.direct_client().delete_item().table_name(&shop.tables.products);
    request.key("ProductId", dynamodb::text("002")).send().await.unwrap();
    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!((retry.status, retry.body), (201, first.body));
}

#[tokio::test]
async fn does_not_compare_the_total_of_a_retry_with_changed_prices() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let body = ORDER.replace("]}", r#"],"totalAmount":359.97}"#);
    let first = place_with_key("key-1", &body).send(&service).await;
    let mut product = shop.snapshot().await.products["001"].clone();
    product.insert("Price".into(), dynamodb::number("1.00"));
    shop.put(&shop.tables.products, product).await;
    assert_eq!(place_with_key("key-1", &body).send(&service).await.body, first.body);
    let response = place_with_key("key-2", &body).send(&service).await;
    assert_eq!(response.problem(), (409, "total-differs".into()));
    assert_eq!(response.violations(), [("#/totalAmount".into(), "total-differs".into())]);
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
    for other in
        [ORDER.replace("\"quantity\":2", "\"quantity\":3"), ORDER.replace("]}", r#"],"totalAmount":359.97}"#)]
    {
        let response = place_with_key("key-1", &other).send(&service).await;
        assert_eq!(response.problem(), (422, "idempotency-key-reused".to_owned()), "{other}");
    }
    assert_eq!(shop.snapshot().await, before);

    let other_customer = place_with_key("key-1", &ORDER.replacen("001", "002", 1)).send(&service).await;
    assert_eq!(other_customer.status, 201);
    assert_ne!(other_customer.json()["orderId"], first.json()["orderId"]);
}

#[tokio::test]
async fn rejects_a_key_whose_order_id_belongs_to_an_order_from_the_bus() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = place_with_key("key-1", ORDER).send(&service).await;
    let mut foreign = shop.stored_order(first.json()["orderId"].as_str().unwrap()).await.unwrap();
    foreign.request_hash = None;
    shop.put_stored_order(&foreign).await;
    let retry = place_with_key("key-1", ORDER).send(&service).await;
    assert_eq!(retry.problem(), (422, "idempotency-key-reused".into()));
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
        let stored = shop.order(response.json()["orderId"].as_str().unwrap()).await.unwrap();
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
