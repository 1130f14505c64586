//! A key applies once for its product.

use test_support::TestShop;

use super::{adjust, counted, send};

#[tokio::test]
async fn a_repeated_request_gets_the_first_response_and_changes_nothing() {
    let shop = TestShop::seeded().await;
    let body = r#"{"delta":10,"reason":"received","note":"Pallet 7"}"#;
    let first = send(&shop, adjust("001", "k1", body)).await;
    let after_first = shop.snapshot().await;
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    // The order of the fields does not matter.
    for body in [body, r#"{"note":"Pallet 7","reason":"received","delta":10}"#] {
        let again = send(&shop, adjust("001", "k1", body)).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert_eq!(shop.snapshot().await, after_first);
    assert_eq!((shop.stock_of("001").await, shop.metrics.sum("StockAdjustments")), (160, 1));
}

#[tokio::test]
async fn a_repeated_removal_gets_its_first_response_although_stock_is_short_now() {
    let shop = TestShop::seeded().await;
    let first = send(&shop, adjust("001", "k1", &counted(-100))).await;
    let again = send(&shop, adjust("001", "k1", &counted(-100))).await;
    assert_eq!((again.status, again.body), (201, first.body));
    assert_eq!(shop.stock_of("001").await, 50);
}

#[tokio::test]
async fn a_repeated_request_gets_its_first_response_although_the_product_is_gone() {
    let shop = TestShop::seeded().await;
    let first = send(&shop, adjust("001", "k1", &counted(5))).await;
    shop.delete(&shop.tables.products, "ProductId", "001").await;
    shop.delete(&shop.tables.inventory, "ProductId", "001").await;
    let again = send(&shop, adjust("001", "k1", &counted(5))).await;
    assert_eq!((again.status, again.body), (201, first.body));
}

#[tokio::test]
async fn a_different_request_with_the_same_key_is_rejected() {
    let shop = TestShop::seeded().await;
    assert_eq!(
        send(&shop, adjust("001", "k1", r#"{"delta":5,"reason":"lost","note":"a"}"#)).await.status,
        201
    );
    let before = shop.snapshot().await;
    for other in [
        r#"{"delta":6,"reason":"lost","note":"a"}"#,
        r#"{"delta":5,"reason":"other","note":"a"}"#,
        r#"{"delta":5,"reason":"lost","note":"b"}"#,
        r#"{"delta":5,"reason":"lost"}"#,
        r#"{"delta":-1000,"reason":"lost","note":"a"}"#,
    ] {
        let response = send(&shop, adjust("001", "k1", other)).await;
        assert_eq!(response.problem(), (422, "idempotency-key-reused".into()), "{other}");
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn a_key_belongs_to_its_product() {
    let shop = TestShop::seeded().await;
    let one = send(&shop, adjust("001", "k1", &counted(1))).await;
    let two = send(&shop, adjust("002", "k1", &counted(2))).await;
    assert_eq!((one.status, two.status), (201, 201));
    assert_ne!(one.json()["adjustmentId"], two.json()["adjustmentId"]);
    assert_eq!((shop.stock_of("001").await, shop.stock_of("002").await), (151, 202));
}
