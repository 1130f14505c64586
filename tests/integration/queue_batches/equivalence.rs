//! Random batches have the same result as their events one by one.

use domain::{EventKind, OrderStatus};
use inventory_service::TOO_EARLY;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use test_support::{TestShop, invocation};

use super::{Items, apply, dead_letter_types, event, store};

/// The file with the seeds of failed cases.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/queue_batches.txt");

/// An event of a random batch.
#[derive(Debug, Clone)]
struct RandomEvent {
    kind: EventKind,
    order: usize,
    quantity: u32,
    has_second_product: bool,
}

fn events(kinds: &'static [EventKind]) -> impl Strategy<Value = Vec<RandomEvent>> {
    let event = (prop::sample::select(kinds), 0_usize..8, 1_u32..4, any::<bool>());
    let event = event.prop_map(|(kind, order, quantity, has_second_product)| RandomEvent {
        kind,
        order,
        quantity,
        has_second_product,
    });
    prop::collection::vec(event, 1..16)
}

/// Returns the final state of a shop: each order, and the stock of both products.
async fn final_state(shop: &TestShop) -> (Vec<(String, OrderStatus, bool)>, u64, u64) {
    let orders = shop.orders().await.into_iter();
    let orders = orders.map(|order| (order.id.as_str().to_owned(), order.status, order.stock_reserved));
    (orders.collect(), shop.stock_of("001").await, shop.stock_of("002").await)
}

/// Applies the events one by one in one shop and as a batch in another, and compares the results.
/// Both shops have `stored` orders.
async fn assert_same_result(events: &[RandomEvent], stock: u64, stored: usize) {
    let (one_by_one, batched) = (TestShop::seeded().await, TestShop::seeded().await);
    let mut invocations = Vec::new();
    for RandomEvent { kind, order, quantity, has_second_product } in events {
        let items: Items<'_> =
            if *has_second_product { &[("001", *quantity), ("002", 1)] } else { &[("001", *quantity)] };
        invocations.push(event(*kind, &format!("order-{order}"), items));
    }
    for shop in [&one_by_one, &batched] {
        shop.set_stock("001", stock).await;
        shop.set_stock("002", stock / 4).await;
        for n in 0..stored {
            // Only some events have the same lines as their order.
            store(shop, &format!("order-{n}"), &[("001", 2)]).await;
        }
    }
    let (mut too_early, mut forbidden) = (Vec::new(), Vec::new());
    for (n, event) in invocations.iter().enumerate() {
        let alone = invocation::from_payload(event.payload.clone());
        match one_by_one.inventory_service().handle(alone).await {
            Ok(_) => {}
            Err(error) if error.error_type == TOO_EARLY => too_early.push(format!("m{n}")),
            Err(error) => forbidden.push(error.error_type.to_owned()),
        }
    }
    assert_eq!(apply(&batched, &invocations).await, too_early, "{events:?}");
    assert_eq!(dead_letter_types(&batched), forbidden, "{events:?}");
    assert_eq!(final_state(&batched).await, final_state(&one_by_one).await, "{events:?}");
    for (product, initial) in [("001", stock), ("002", stock / 4)] {
        let total = batched.stock_of(product).await + batched.reserved_of(product).await;
        assert_eq!(total, initial, "{events:?}");
    }
}

fn block_on(comparison: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(comparison);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn has_the_same_result_as_its_events_one_by_one(
        events in events(&[EventKind::Placed, EventKind::Placed, EventKind::Shipped, EventKind::Canceled]),
        stored in 0_usize..8,
    ) {
        block_on(assert_same_result(&events, 1000, stored));
    }

    #[test]
    fn reserves_scarce_stock_in_the_order_of_the_batch(
        events in events(&[EventKind::Placed]), stock in 0_u64..16, stored in 0_usize..8,
    ) {
        block_on(assert_same_result(&events, stock, stored));
    }
}
