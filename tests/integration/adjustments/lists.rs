//! The lists of stock and of adjustments. A ledger entry is no stock.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use test_support::{ApiRequest, AwsError, TestShop};

use super::{ADJUSTMENT, ADJUSTMENTS, adjust_001, send};

fn list_of(product: &str) -> ApiRequest {
    ApiRequest::get(ADJUSTMENTS).path("productId", product)
}

fn show(product: &str, id: &str) -> ApiRequest {
    ApiRequest::get(ADJUSTMENT).path("productId", product).path("adjustmentId", id)
}

/// Returns the field `id` of all entries of a list, page by page.
async fn pages(shop: &TestShop, request: ApiRequest, list: &str, id: &str) -> Vec<Vec<String>> {
    let (mut pages, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = token.iter().fold(request.clone(), |request, token| request.query("nextToken", token));
        let response = send(shop, page).await;
        assert_eq!(response.status, 200, "{response:?}");
        let page = response.json();
        let entries = page[list].as_array().unwrap();
        pages.push(entries.iter().map(|entry| entry[id].as_str().unwrap().to_owned()).collect());
        match page["nextToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn lists_stock_by_product_id_without_ledger_entries() {
    let shop = TestShop::seeded().await;
    for n in 0..5 {
        adjust_001(&shop, &format!("k{n}"), 1).await;
    }
    shop.set_stock("1000", 7).await;
    let response = send(&shop, ApiRequest::get("/inventory")).await;
    let expected = r#"{"inventory":[{"productId":"001","quantity":155},{"productId":"002","quantity":200},{"productId":"1000","quantity":7}]}"#;
    assert_eq!((response.status, response.body.as_str()), (200, expected));
    let pages =
        pages(&shop, ApiRequest::get("/inventory").query("limit", "2"), "inventory", "productId").await;
    assert_eq!(pages, [vec!["001", "002"], vec!["1000"]]);
}

#[tokio::test]
async fn lists_adjustments_newest_first() {
    let shop = TestShop::seeded().await;
    let mut expected = vec!["opening-001".to_owned()];
    for n in 0..5 {
        expected.insert(0, adjust_001(&shop, &format!("k{n}"), n + 1).await);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let whole = pages(&shop, list_of("001"), "adjustments", "adjustmentId").await;
    assert_eq!(whole, std::slice::from_ref(&expected));
    let in_pages = pages(&shop, list_of("001").query("limit", "4"), "adjustments", "adjustmentId").await;
    assert_eq!(in_pages, [&expected[..4], &expected[4..]]);
    let of_other = pages(&shop, list_of("002"), "adjustments", "adjustmentId").await;
    assert_eq!(of_other, [["opening-002"]]);
}

#[tokio::test]
async fn an_entry_of_a_list_is_the_adjustment_itself() {
    let shop = TestShop::seeded().await;
    let id = adjust_001(&shop, "k1", 1).await;
    let listed = send(&shop, list_of("001").query("limit", "1")).await.json()["adjustments"][0].clone();
    assert_eq!(send(&shop, show("001", &id)).await.json(), listed);
    let opening = send(&shop, show("001", "opening-001")).await.json();
    assert_eq!((&opening["delta"], &opening["note"]), (&Value::from(150), &Value::from("Opening stock")));
}

#[tokio::test]
async fn a_page_token_belongs_to_its_list() {
    let shop = TestShop::seeded().await;
    let id = adjust_001(&shop, "k1", 1).await;
    let token = |id: &str| BASE64_URL_SAFE_NO_PAD.encode(id);
    for (request, token) in [
        (list_of("001"), token(&id)),
        (list_of("001"), token("001")),
        (list_of("001"), token("001#opening-001")),
        (list_of("001"), "?".to_owned()),
        (ApiRequest::get("/inventory"), token("2025-01-01T00:00:00.000Z#opening-001")),
        (ApiRequest::get("/inventory"), token("001#opening-001")),
        (ApiRequest::get("/inventory"), token("#stock")),
    ] {
        let response = send(&shop, request.query("nextToken", &token)).await;
        assert_eq!(response.problem(), (422, "invalid".into()));
        assert_eq!(response.violations(), [("nextToken".to_owned(), "invalid-token".to_owned())]);
    }
    for limit in ["0", "101", "x"] {
        let list = send(&shop, ApiRequest::get("/inventory").query("limit", limit)).await;
        assert_eq!(list.problem(), (422, "invalid".into()));
        assert_eq!(
            send(&shop, list_of("001").query("limit", limit)).await.problem(),
            (422, "invalid".into())
        );
    }
}

#[tokio::test]
async fn a_ledger_entry_is_invisible_as_stock() {
    let shop = TestShop::seeded().await;
    let id = adjust_001(&shop, "k1", 1).await;
    let key = format!("001#{id}");
    assert!(shop.snapshot().await.inventory.contains_key(&key));
    let before = shop.snapshot().await;
    let with_key = |request: ApiRequest| request.path("productId", &key).path("adjustmentId", "x");
    for request in [
        ApiRequest::get("/inventory/{productId}"),
        ApiRequest::new("PATCH", "/inventory/{productId}").json(r#"{"reorderPoint":1}"#),
        ApiRequest::get(ADJUSTMENTS),
        ApiRequest::get(ADJUSTMENT),
    ] {
        assert_eq!(send(&shop, with_key(request)).await.problem(), (404, "not-found".into()));
    }
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn returns_not_found_for_an_unknown_product_or_adjustment() {
    let shop = TestShop::seeded().await;
    let id = adjust_001(&shop, "k1", 1).await;
    for request in [
        list_of("404"),
        list_of("invalid id"),
        show("001", "404"),
        show("002", &id),
        show("001", "invalid id"),
    ] {
        assert_eq!(send(&shop, request).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn reads_keys_that_dynamodb_left_unprocessed() {
    let shop = TestShop::seeded().await;
    shop.proxy.on("BatchGetItem").leave_keys_unprocessed(1);
    let list = send(&shop, ApiRequest::get("/inventory")).await.json();
    assert_eq!(list["inventory"].as_array().unwrap().len(), 2);
    assert_eq!(shop.proxy.calls("BatchGetItem"), 2);
    assert_eq!(
        shop.proxy.requests("BatchGetItem")[0]["RequestItems"][&shop.tables.inventory]["ConsistentRead"],
        true
    );
}

#[tokio::test]
async fn returns_busy_while_dynamodb_throttles() {
    let shop = TestShop::seeded().await;
    for operation in ["Query", "GetItem"] {
        shop.proxy.on(operation).always().fail(AwsError::throttled());
    }
    for request in [ApiRequest::get("/inventory"), list_of("001"), show("001", "opening-001")] {
        assert_eq!(send(&shop, request).await.problem(), (503, "busy".into()));
    }
}
