//! The routes that show products and their stock.

use test_support::{ApiRequest, AwsError, TestShop};

#[tokio::test]
async fn shows_products_with_exact_prices() {
    let shop = TestShop::seeded().await;
    let response = ApiRequest::get("/products").send(&shop.order_service()).await;
    assert_eq!(response.status, 200);
    let one = r#"{"productId":"001","name":"Wireless Headphones","price":79.99}"#;
    let two = r#"{"productId":"002","name":"Smartwatch","price":199.99}"#;
    assert!(response.body.contains(one) && response.body.contains(two), "{}", response.body);

    let product = |id: &str| ApiRequest::get("/products/{productId}").path("productId", id);
    assert_eq!(product("001").send(&shop.order_service()).await.body, one);
    for unknown in ["404", "invalid id"] {
        assert_eq!(product(unknown).send(&shop.order_service()).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn lists_products_in_pages() {
    let shop = TestShop::seeded().await;
    let (mut listed, mut token) = (Vec::new(), None::<String>);
    for _ in 0..4 {
        let request = ApiRequest::get("/products").query("limit", "1");
        let response = token
            .iter()
            .fold(request, |request, token| request.query("nextToken", token))
            .send(&shop.order_service())
            .await;
        let products = response.json()["products"].as_array().cloned().unwrap();
        assert!(products.len() <= 1);
        listed.extend(products.into_iter().map(|product| product["productId"].as_str().unwrap().to_owned()));
        match response.json()["nextToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    listed.sort();
    assert_eq!(listed, ["001", "002"]);
    assert_eq!(
        ApiRequest::get("/products").query("limit", "0").send(&shop.order_service()).await.problem(),
        (422, "invalid".into())
    );
}

#[tokio::test]
async fn shows_the_stock_on_hand_with_a_consistent_read() {
    let shop = TestShop::seeded().await;
    let stock = async |id: &str| {
        let request = ApiRequest::get("/inventory/{productId}").path("productId", id);
        request.send(&shop.inventory_service()).await
    };
    let response = stock("001").await;
    assert_eq!((response.status, response.body.as_str()), (200, r#"{"productId":"001","quantity":150}"#));
    assert_eq!(shop.proxy.requests("GetItem")[0]["ConsistentRead"], true);
    for unknown in ["404", "invalid id"] {
        assert_eq!(stock(unknown).await.problem(), (404, "not-found".into()));
    }
    shop.proxy.on("GetItem").always().fail(AwsError::throttled());
    assert_eq!(stock("001").await.problem(), (503, "busy".into()));
}
