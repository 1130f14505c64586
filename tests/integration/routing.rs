//! Unknown routes and unsupported triggers.

use api::AuthMode;
use test_support::{ApiRequest, Function as _, HelloWorld, TestShop, invocation};

#[tokio::test]
async fn returns_not_found_for_an_unknown_route() {
    let shop = TestShop::seeded().await;
    for request in [ApiRequest::get("/order"), ApiRequest::post("/products"), ApiRequest::get("/nowhere")] {
        assert_eq!(request.send(&shop.order_service()).await.problem(), (404, "not-found".into()));
    }
}

#[tokio::test]
async fn fails_an_unsupported_trigger_by_its_error_type() {
    let shop = TestShop::seeded().await;
    let error = shop.order_service().handle(invocation::event("OrderPlaced", "{}")).await.unwrap_err();
    assert_eq!(error.error_type, "UnsupportedTrigger");
    let error = HelloWorld(AuthMode::Open).invoke(invocation::stream(&[])).await.unwrap_err();
    assert_eq!(error.error_type, "UnsupportedTrigger");
}
