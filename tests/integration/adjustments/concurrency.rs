//! Concurrent adjustments, also against orders and receipts.

use domain::{EventKind, OrderStatus};
use inventory_service::InventoryService;
use test_support::{ApiRequest, ApiResponse, Invocation, TestShop, concurrently, drain_queue, invocation};

use super::{add_product, adjust, counted};

/// Attempts of a client or of Lambda. On a busy machine, a call can outlast its timeout.
const MAX_ATTEMPTS: usize = 20;

/// Sends a request, and repeats it while the service is busy.
async fn send_patiently(service: &InventoryService, request: &ApiRequest) -> ApiResponse {
    for _ in 0..MAX_ATTEMPTS {
        let response = request.send(service).await;
        if response.status != 503 {
            return response;
        }
    }
    panic!("the service stays busy");
}

/// Delivers an event, and delivers it again while the service is busy.
async fn deliver_patiently(service: &InventoryService, event: &Invocation) {
    for _ in 0..MAX_ATTEMPTS {
        match service.handle(event.clone()).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.error_type, inventory_service::BUSY),
        }
    }
    panic!("the service stays busy");
}

#[tokio::test]
async fn a_hundred_concurrent_requests_with_ten_keys_apply_ten_times() {
    let shop = TestShop::seeded().await.without_streams().await;
    add_product(&shop, "003").await;
    let service = shop.inventory_service();
    for (product, initial) in [("001", 150), ("003", 0)] {
        let requests: Vec<_> =
            (0..100).map(|n| adjust(product, &format!("k{}", n % 10), &counted(3))).collect();
        let responses = concurrently(requests.iter().map(|request| send_patiently(&service, request))).await;
        for (n, response) in responses.iter().enumerate() {
            assert_eq!(response.status, 201, "{response:?}");
            assert_eq!(response.body, responses[n % 10].body, "the responses of a key differ");
        }
        assert_eq!(shop.stock_of(product).await, initial + 30, "product {product}");
    }
    assert_eq!(shop.ledger_of("003").await.len(), 10);
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn concurrent_removals_never_oversell() {
    let shop = TestShop::seeded().await.without_streams().await;
    let service = shop.inventory_service();
    shop.set_stock("001", 10).await;
    let requests: Vec<_> = (0..30).map(|n| adjust("001", &format!("k{n}"), &counted(-1))).collect();
    let responses = concurrently(requests.iter().map(|request| send_patiently(&service, request))).await;
    let applied = responses.iter().filter(|response| response.status == 201).count();
    let short = responses.iter().filter(|response| response.status == 409).count();
    assert_eq!((applied, short, shop.stock_of("001").await), (10, 20, 0));
    shop.assert_ledger_invariant().await;
}

#[tokio::test]
async fn concurrent_orders_and_restocks_conserve_stock() {
    let shop = TestShop::seeded().await.without_streams().await;
    let service = shop.inventory_service();
    shop.set_stock("001", 100).await;
    let placed = |n: usize| {
        let kind = EventKind::Placed;
        let items = r#"[{"productId":"001","quantity":2}]"#;
        let detail = format!(
            r#"{{"detailType":"{kind}","orderId":"o{n}","orderStatus":"{kind}","customerId":"001","items":{items},"totalAmount":159.98}}"#
        );
        invocation::event(kind.as_str(), &detail)
    };
    let restocks: Vec<_> = (0..50).map(|n| adjust("001", &format!("k{n}"), &counted(3))).collect();
    let events: Vec<_> = (0..200).map(placed).collect();
    let orders = concurrently(events.iter().map(|event| deliver_patiently(&service, event)));
    let restocks = concurrently(restocks.iter().map(|request| send_patiently(&service, request)));
    let (_, restocks) = tokio::join!(orders, restocks);
    assert!(restocks.iter().all(|response| response.status == 201));
    // An engine with real contention sends events to the queue.
    drain_queue(&shop, &service).await;

    let orders = shop.orders().await;
    let confirmed = orders.iter().filter(|order| order.status == OrderStatus::Confirmed).count() as u64;
    let rejected = orders.iter().filter(|order| order.status == OrderStatus::Rejected).count() as u64;
    assert_eq!(confirmed + rejected, 200);
    assert_eq!(shop.stock_of("001").await + 2 * confirmed, 100 + 150);
    assert!((50..=125).contains(&confirmed), "{confirmed} confirmed");
    shop.assert_ledger_invariant().await;
}
