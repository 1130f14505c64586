//! The scopes of each operation in docs/openapi.yaml.

use domain::OrderStatus;
use serde_json::{Value, json};
use test_support::ApiRequest;

use super::Sender::{Administrator, Customer, Fulfillment};
use super::{ORDER, send, shop_with_order_in};
use crate::openapi::Document;

/// Returns true if a token with this scope allows an operation, according to the document.
fn is_allowed_by_document(document: &Document, operation: &Value, scope: &str) -> bool {
    let security = operation.get("security").unwrap_or_else(|| document.at("/security"));
    let mut tokens = security.as_array().unwrap().iter().filter_map(|one| {
        assert_eq!(one.get("accessToken").is_some(), one.get("apiKey").is_some(), "{one}");
        one.get("accessToken")?.as_array()
    });
    tokens.any(|scopes| scopes.is_empty() || scopes.contains(&json!(scope)))
}

#[tokio::test]
async fn documents_the_scopes_of_each_operation() {
    let document = Document::read();
    for ((method, path), operation) in document.operations() {
        let request = match method.as_str() {
            "get" => ApiRequest::get(&path),
            "patch" => ApiRequest::new("PATCH", &path).json(ORDER),
            "put" => ApiRequest::put(&path).json(ORDER),
            "delete" => ApiRequest::delete(&path),
            _ => ApiRequest::post(&path).json(ORDER),
        };
        let request = ["orderId", "customerId", "productId"]
            .into_iter()
            .fold(request, |request, name| request.path(name, "001"))
            .path("adjustmentId", "opening-001");
        let senders = [
            (Customer, "orders/customer"),
            (Fulfillment, "orders/fulfilment"),
            (Administrator, "orders/admin"),
        ];
        for (sender, scope) in senders {
            let shop = shop_with_order_in(OrderStatus::Placed).await;
            let response = send(&shop, &sender.authenticate(request.clone())).await;
            let allowed = !matches!(response.status, 401 | 403 | 404);
            assert_eq!(
                allowed,
                is_allowed_by_document(&document, operation, scope),
                "{method} {path} {sender:?} {response:?}"
            );
        }
    }
}
