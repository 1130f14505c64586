//! Conservation of stock: the stock on hand plus the reserved stock stays the same, for any order of
//! events and for duplicates.

use domain::{EventKind, Order, OrderStatus};
use test_support::{Invocation, TestShop, concurrently, invocation};

use OrderStatus::Canceled;

pub(crate) const PRODUCTS: [(&str, u64); 2] = [("001", 6), ("002", 4)];
const ITEMS: &str = r#"[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]"#;

pub(crate) fn event(kind: EventKind, order: &str) -> Invocation {
    let content = match kind {
        EventKind::Placed => format!(r#","customerId":"001","items":{ITEMS},"totalAmount":359.97"#),
        EventKind::Canceled => format!(r#","customerId":"001","items":{ITEMS}"#),
        _ => String::new(),
    };
    let detail = format!(r#"{{"detailType":"{kind}","orderId":"{order}","orderStatus":"{kind}"{content}}}"#);
    invocation::event(kind.as_str(), &detail)
}

/// Asserts that no stock was created or lost.
async fn assert_conserved(shop: &TestShop, when: &str) {
    for (product, initial) in PRODUCTS {
        let on_hand = shop.stock_of(product).await;
        assert_eq!(on_hand + shop.reserved_of(product).await, initial, "product {product} after {when}");
    }
}

/// Returns a shop with little stock.
pub(crate) async fn small_shop() -> TestShop {
    let shop = TestShop::seeded().await;
    for (product, quantity) in PRODUCTS {
        shop.set_stock(product, quantity).await;
    }
    shop
}

/// Returns all permutations. Equal elements count as different.
fn permutations<T: Copy>(elements: &[T]) -> Vec<Vec<T>> {
    if elements.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for n in 0..elements.len() {
        let mut rest = elements.to_vec();
        let first = rest.remove(n);
        all.extend(permutations(&rest).into_iter().map(|tail| [vec![first], tail].concat()));
    }
    all
}

#[tokio::test]
async fn every_permutation_of_duplicated_placed_and_canceled_events_conserves_stock() {
    let events = [EventKind::Placed, EventKind::Placed, EventKind::Canceled, EventKind::Canceled];
    let all = permutations(&events);
    assert_eq!(all.len(), 24);
    let shop = small_shop().await;
    let service = shop.inventory_service();
    for (n, sequence) in all.into_iter().enumerate() {
        // The first order is of another producer, and the second one is stored already.
        for (id, stored) in [(format!("external-{n}"), false), (format!("placed-{n}"), true)] {
            if stored {
                shop.put_order(&Order { id: id.parse().unwrap(), ..shop.order("001").await.unwrap() }).await;
            }
            for kind in &sequence {
                service.handle(event(*kind, &id)).await.unwrap();
                assert_conserved(&shop, &format!("{kind} of {sequence:?} for {id}")).await;
            }
            let order = shop.order(&id).await.unwrap();
            assert_eq!((order.status, order.stock_reserved), (Canceled, false), "{sequence:?} for {id}");
        }
    }
    for (product, initial) in PRODUCTS {
        assert_eq!(shop.stock_of(product).await, initial);
    }
}

#[tokio::test]
async fn concurrent_placed_and_canceled_events_conserve_stock() {
    let shop = small_shop().await;
    let service = shop.inventory_service();
    for n in 0..20 {
        let id = format!("external-{n}");
        let events = [EventKind::Placed, EventKind::Canceled, EventKind::Placed, EventKind::Canceled];
        let deliveries = events.map(|kind| service.handle(event(kind, &id)));
        for outcome in concurrently(deliveries).await {
            outcome.unwrap();
        }
        let order = shop.order(&id).await.unwrap();
        assert_eq!((order.status, order.stock_reserved), (Canceled, false));
        assert_conserved(&shop, &id).await;
    }
}
