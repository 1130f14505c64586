//! Page tokens of other lists, tampered page tokens and malformed page tokens.

use serde_json::json;
use test_support::{ApiRequest, TestShop};

use super::{base64_url, orders_of};

#[tokio::test]
async fn rejects_tampered_tokens_and_tokens_of_another_customer() {
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
        base64_url("theirs"),
        base64_url("001"),
        base64_url("mine-3"),
        base64_url("mine-1\0"),
        base64_url("mine-1\n"),
        base64_url(" mine-1"),
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
    // A different character at each position.
    tampered.extend((0..token.len()).map(|n| {
        let other = if &token[n..=n] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &token[..n], &token[n + 1..])
    }));
    for token in tampered {
        let response = orders_of("002").query("nextToken", &token).send(&service).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{token}");
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())], "{token}");
    }
    let response = orders_of("001").query("nextToken", &token).send(&service).await;
    assert_eq!(response.problem(), (422, "invalid".into()), "a token of another customer's list");
}

#[tokio::test]
async fn rejects_catalog_tokens_that_do_not_name_a_product() {
    let shop = TestShop::seeded().await;
    let service = shop.order_service();
    let first = ApiRequest::get("/products").query("limit", "1").send(&service).await;
    let token = first.json()["nextToken"].as_str().unwrap().to_owned();
    assert_eq!(ApiRequest::get("/products").query("nextToken", &token).send(&service).await.status, 200);
    let mut order = shop.order("001").await.unwrap();
    order.id = "an-order".parse().unwrap();
    shop.put_order(&order).await;
    for token in [base64_url("an-order"), base64_url("zzz"), base64_url("00"), format!("{token}A")] {
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
