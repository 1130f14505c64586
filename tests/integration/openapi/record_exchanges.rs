//! Requests to the routes of customers and products.

use api::request::MAX_BODY_BYTES;
use test_support::{ApiRequest, TestShop};

use super::exchanges::{Exchanges, get, with_path_parameter};
use super::{ALICE, CUSTOMER, PRODUCT, WATCH};

fn put(route: &str, id: &str, body: &str) -> ApiRequest {
    with_path_parameter(ApiRequest::put(route), route, id).json(body)
}

fn delete(route: &str, id: &str) -> ApiRequest {
    with_path_parameter(ApiRequest::delete(route), route, id)
}

/// Returns a request to each route that only some callers may use.
pub(super) fn record_requests() -> [ApiRequest; 5] {
    [
        put(CUSTOMER, "001", ALICE),
        get(CUSTOMER, "001"),
        delete(CUSTOMER, "001"),
        put(PRODUCT, "001", WATCH),
        delete(PRODUCT, "001"),
    ]
}

/// Sends requests for every documented response about a customer and a product.
pub(super) async fn change_customers_and_products(all: &mut Exchanges, shop: &TestShop) {
    for (route, body, id_name) in [(CUSTOMER, ALICE, "customerId"), (PRODUCT, WATCH, "productId")] {
        let created = all.expect(shop, put(route, "new", body), 201).await;
        let tag = created.header("etag").unwrap().to_owned();
        all.expect(shop, get(route, "new"), 200).await;
        all.expect(shop, get(route, "new").header("If-None-Match", &tag), 304).await;
        all.expect(shop, put(route, "new", body).header("If-Match", &tag), 200).await;
        all.expect(shop, put(route, "new", body).header("If-Match", &tag), 412).await;
        all.expect(shop, delete(route, "new").header("If-Match", &tag), 412).await;
        let with_other_id = body.replacen('{', &format!(r#"{{"{id_name}":"other","#), 1);
        all.expect(shop, put(route, "new", &with_other_id), 422).await;
        for request in [put(route, "new", body), get(route, "new"), delete(route, "new")] {
            all.expect(shop, request.header("If-None-Match", "new"), 422).await;
        }
        all.expect(shop, put(route, "new", "{"), 400).await;
        all.expect(shop, put(route, "new", &" ".repeat(MAX_BODY_BYTES + 1)), 413).await;
        all.expect(shop, put(route, "new", body).header("Content-Type", "text/plain"), 415).await;
        all.expect(shop, put(route, "invalid id", body), 404).await;
        all.expect(shop, delete(route, "new"), 204).await;
        all.expect(shop, delete(route, "new"), 404).await;
        all.expect(shop, get(route, "new"), 404).await;
    }
}
