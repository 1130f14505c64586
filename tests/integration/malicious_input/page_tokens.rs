//! Page tokens of other lists, tampered page tokens and malformed page tokens.

use serde_json::json;
use test_support::{ApiRequest, TestShop};

use super::{base64_url, orders_of};

#[tokio::test]
async fn rejects_tampered_tokens_and_shows_no_order_of_another_customer() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    for (id, customer) in [("mine-1", "002"), ("mine-2", "002"), ("theirs", "001")] {
        let mut order = shop.order("001").await.unwrap();
        (order.id, order.customer_id) = (id.parse().unwrap(), customer.parse().unwrap());
        shop.put_order(&order).await;
    }
    let first = orders_of("002").query("limit", "1").send(&service).await;
    let token = first.json()["nextToken"].as_str().unwrap().to_owned();
    assert_eq!(orders_of("002").query("nextToken", &token).send(&service).await.status, 200);

    let mut tampered = vec![
        base64_url("mine-1"),
        base64_url("2025-01-01T00:00:00.000Z"),
        base64_url("#mine-1"),
        base64_url("yesterday#mine-1"),
        base64_url("2025-13-01T00:00:00.000Z#mine-1"),
        base64_url("2025-01-01T00:00:00.000Z#mine-1\0"),
        base64_url("2025-01-01T00:00:00.000Z#mine-1\n"),
        base64_url("2025-01-01T00:00:00.000Z# mine-1"),
        base64_url("2025-01-01T00:00:00.000Z#mine-1#theirs"),
        base64_url("#attr"),
        base64_url("a' OR '1'='1"),
        base64_url("{\"OrderId\":{\"S\":\"theirs\"}}"),
        base64_url([0xff, 0xfe]),
        base64_url("x".repeat(65)),
        base64_url("x".repeat(7_500)),
        "A".repeat(10 * 1024),
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        token[1..].to_owned(),
        token.to_uppercase(),
    ];
    for token in &tampered {
        let response = orders_of("002").query("nextToken", token).send(&service).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{token}");
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())], "{token}");
    }
    tampered.clear();
    // A different character at each position gives another position of the same list, or no token.
    tampered.extend((0..token.len()).map(|n| {
        let other = if &token[n..=n] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &token[..n], &token[n + 1..])
    }));
    let position_of = |order: &str| base64_url(format!("2025-01-01T00:00:00.000Z#{order}"));
    tampered.extend(["theirs", "001", "unknown"].map(position_of));
    for token in tampered {
        let response = orders_of("002").query("nextToken", &token).send(&service).await;
        match response.status {
            200 => {
                let orders = response.json()["orders"].as_array().unwrap().clone();
                assert!(orders.iter().all(|order| order["customerId"] == "002"), "{token}: {orders:?}");
            }
            _ => assert_eq!(response.problem(), (422, "invalid".into()), "{token}"),
        }
    }
}

#[tokio::test]
async fn a_catalog_token_stays_valid_when_its_product_is_deleted() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = ApiRequest::get("/products").query("limit", "1").send(&service).await;
    let token = first.json()["nextToken"].as_str().unwrap().to_owned();
    assert_eq!(ApiRequest::get("/products").query("nextToken", &token).send(&service).await.status, 200);
    shop.delete(
        &shop.tables.products,
        "ProductId",
        first.json()["products"][0]["productId"].as_str().unwrap(),
    )
    .await;
    let rest = ApiRequest::get("/products").query("nextToken", &token).send(&service).await;
    assert_eq!((rest.status, rest.json()["products"].as_array().unwrap().len()), (200, 1));
    for token in [base64_url("a product"), base64_url("#stock"), format!("{token}A")] {
        let response = ApiRequest::get("/products").query("nextToken", &token).send(&service).await;
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())], "{token}");
    }
}

#[tokio::test]
async fn rejects_malformed_tokens_without_a_call() {
    let shop = TestShop::seeded().await;
    for token in ["", "?", "A".repeat(10 * 1024).as_str(), &base64_url("a b"), &base64_url("x".repeat(65))] {
        for request in [orders_of("001"), ApiRequest::get("/products")] {
            let response = request.query("nextToken", token).send(&shop.order_service()).await;
            assert_eq!(
                response.violations(),
                [("nextToken".to_owned(), "invalid-token".to_owned())],
                "{token}"
            );
        }
    }
    assert_eq!(json!(shop.proxy.calls_by_operation()), json!({}));
}
