//! Logs of requests about customers and products. Email addresses and names are personal data.

use api::AuthMode;
use serde_json::json;
use test_support::{ApiRequest, AwsError, TestShop};

use super::{EMAIL, Log, NOTE, TOKEN, invoke, with_secrets};

/// Returns requests about customers and products: valid ones with personal data, and some with a
/// secret in every place.
fn record_requests() -> Vec<ApiRequest> {
    let mut requests = Vec::new();
    for id in ["001", "new", EMAIL] {
        for (route, valid, invalid) in [
            (
                "/customers/{customerId}",
                json!({"email": EMAIL, "name": NOTE}),
                json!({"customerId": EMAIL, "email": TOKEN, "name": NOTE.repeat(50), EMAIL: NOTE}),
            ),
            (
                "/products/{productId}",
                json!({"name": NOTE, "price": 1}),
                json!({"productId": EMAIL, "name": format!("{NOTE}\n"), "price": EMAIL, EMAIL: NOTE}),
            ),
        ] {
            let of_record = |request: ApiRequest| request.path("customerId", id).path("productId", id);
            let put = || of_record(ApiRequest::put(route));
            requests.extend([
                put().json(valid.to_string()),
                put().json(valid.to_string()).header("If-Match", "\"other\""),
                put().json(valid.to_string()).header("If-None-Match", EMAIL),
                put().json(invalid.to_string()),
                put().json(EMAIL),
                of_record(ApiRequest::get(route)),
                of_record(ApiRequest::get(route)).header("If-None-Match", &format!("\"{TOKEN}\"")),
                of_record(ApiRequest::delete(route)).header("If-Match", EMAIL),
                of_record(ApiRequest::delete(route)).header("If-Match", &format!("\"{EMAIL}\"")),
            ]);
        }
    }
    requests
}

#[tokio::test]
async fn requests_about_customers_and_products_leave_no_secret_in_the_log() {
    let shop = TestShop::seeded().await;
    let (log, _guard) = Log::capture();
    let mut sent = 0;
    for auth_mode in [AuthMode::Open, AuthMode::Cognito] {
        for request in record_requests() {
            invoke(&shop.order_service_for(auth_mode), with_secrets(request, "001").invocation()).await;
            sent += 1;
        }
    }
    let customers = format!("{:?}", shop.snapshot().await.customers);
    assert!(customers.contains(EMAIL) && customers.contains(NOTE), "the requests store personal data");
    assert!(log.assert_no_secret() >= sent, "each response is logged");
}

#[tokio::test]
async fn failed_writes_and_undecodable_records_leave_no_secret_in_the_log() {
    let errors: [fn() -> AwsError; 3] =
        [AwsError::throttled, AwsError::access_denied, AwsError::transaction_conflict];
    let (log, _guard) = Log::capture();
    let mut failed = 0;
    for error in errors {
        let shop = TestShop::seeded().await;
        shop.proxy.on_any_call().always().fail(error());
        for request in record_requests() {
            invoke(&shop.order_service(), request.invocation()).await;
        }
        failed += 1;
    }
    let shop = TestShop::seeded().await;
    for missing in ["Email", "Name"] {
        let mut item = shop.snapshot().await.customers["001"].clone();
        item.insert("Email".to_owned(), dynamodb::text(EMAIL));
        item.insert("Name".to_owned(), dynamodb::text(NOTE));
        item.insert("Revision".to_owned(), dynamodb::text(EMAIL));
        item.remove(missing);
        shop.put(&shop.tables.customers, item).await;
        for request in
            [ApiRequest::get("/customers/{customerId}"), ApiRequest::delete("/customers/{customerId}")]
        {
            let request = request.path("customerId", "001").header("If-Match", "\"other\"");
            assert_eq!(request.send(&shop.order_service()).await.problem(), (500, "internal".into()));
            failed += 1;
        }
    }
    assert!(log.assert_no_secret() > failed);
}
