//! What holds at every moment, whatever order events arrive in and however often.

use domain::{EventKind, Order, OrderStatus};
use inventory_service::{ILLEGAL_TRANSITION, InventoryService, TOO_EARLY};
use lambda_support::Failure;
use order_service::OrderService;
use proptest::prelude::*;
use tests::{Reply, Shop, StreamReader, at_once, call};

use OrderStatus::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};

const PRODUCTS: [(&str, u64); 2] = [("001", 6), ("002", 4)];
const ITEMS: &str = r#"[{"productId":"001","quantity":2},{"productId":"002","quantity":1}]"#;

fn event(kind: EventKind, order: &str) -> call::Invocation {
    let content = match kind {
        EventKind::Placed => format!(r#","customerId":"001","items":{ITEMS},"totalAmount":359.97"#),
        EventKind::Canceled => format!(r#","customerId":"001","items":{ITEMS}"#),
        _ => String::new(),
    };
    let detail = format!(r#"{{"detailType":"{kind}","orderId":"{order}","orderStatus":"{kind}"{content}}}"#);
    call::event(kind.as_str(), &detail)
}

/// Nothing appears, nothing vanishes.
async fn assert_conserved(shop: &Shop, when: &str) {
    for (product, initial) in PRODUCTS {
        let on_hand = shop.stock_of(product).await;
        assert_eq!(on_hand + shop.reserved_of(product).await, initial, "product {product} after {when}");
    }
}

/// A shop whose stock is small enough to run out.
async fn small_shop() -> Shop {
    let shop = Shop::open().await;
    for (product, quantity) in PRODUCTS {
        shop.set_stock(product, quantity).await;
    }
    shop
}

/// Every order of these, the equal ones taken for different.
fn permutations<T: Copy>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for n in 0..of.len() {
        let mut rest = of.to_vec();
        let first = rest.remove(n);
        all.extend(permutations(&rest).into_iter().map(|tail| [vec![first], tail].concat()));
    }
    all
}

#[tokio::test]
async fn every_permutation_of_placed_and_canceled_and_a_duplicate_of_each_conserves_stock() {
    let events = [EventKind::Placed, EventKind::Placed, EventKind::Canceled, EventKind::Canceled];
    let all = permutations(&events);
    assert_eq!(all.len(), 24);
    let shop = small_shop().await;
    let service = shop.inventory_service();
    for (n, sequence) in all.into_iter().enumerate() {
        // Once for an order of another producer, and once for one that is stored.
        for (id, stored) in [(format!("foreign-{n}"), false), (format!("own-{n}"), true)] {
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
async fn placed_and_canceled_at_once_conserve_stock() {
    let shop = small_shop().await;
    let service = shop.inventory_service();
    for n in 0..20 {
        let id = format!("foreign-{n}");
        let events = [EventKind::Placed, EventKind::Canceled, EventKind::Placed, EventKind::Canceled];
        let deliveries = events.map(|kind| service.handle(event(kind, &id)));
        for outcome in at_once(deliveries).await {
            outcome.unwrap();
        }
        let order = shop.order(&id).await.unwrap();
        assert_eq!((order.status, order.stock_reserved), (Canceled, false));
        assert_conserved(&shop, &id).await;
    }
}

/// Something that happens to the shop.
#[derive(Debug, Clone)]
enum Step {
    /// A client places an order of so many of each product.
    Place(u32, u32),
    /// A client cancels one of the orders.
    Cancel(usize),
    /// A client ships one of them.
    Ship(usize),
    /// A client says that one of them is delivered.
    Deliver(usize),
    /// Another producer sends an event, of one of the orders or of one unknown here.
    Foreign(EventKind, usize),
    /// The stream is relayed, perhaps by a function that dies before it says so.
    Relay { dies: bool },
    /// The bus delivers one of the events that wait, and perhaps keeps it for another time.
    Apply { waiting: usize, again: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![
        EventKind::Placed,
        EventKind::Shipped,
        EventKind::Delivered,
        EventKind::Canceled,
    ]);
    prop_oneof![
        3 => (1_u32..4, 0_u32..3).prop_map(|(one, two)| Step::Place(one, two)),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => any::<usize>().prop_map(Step::Ship),
        1 => any::<usize>().prop_map(Step::Deliver),
        2 => (kind, any::<usize>()).prop_map(|(kind, order)| Step::Foreign(kind, order)),
        4 => any::<bool>().prop_map(|dies| Step::Relay { dies }),
        8 => (any::<usize>(), any::<bool>()).prop_map(|(waiting, again)| Step::Apply { waiting, again }),
    ]
}

/// A shop in which steps happen.
struct Story {
    shop: Shop,
    order_service: OrderService,
    inventory_service: InventoryService,
    stream: StreamReader,
    /// Records that a relay has not said to be done with.
    records: Vec<serde_json::Value>,
    orders: Vec<String>,
    /// Events that the bus has not delivered, or will deliver again.
    waiting: Vec<Box<serde_json::value::RawValue>>,
}

impl Story {
    async fn begin() -> Self {
        let shop = small_shop().await;
        let stream = shop.order_stream().await;
        // The seed's order was never published, so nobody will ever process it.
        let request = shop.direct().delete_item().table_name(&shop.tables.orders);
        request.key("OrderId", tables::text("001")).send().await.unwrap();
        let orders = vec!["foreign-1".to_owned(), "foreign-2".to_owned()];
        Self {
            order_service: shop.order_service(),
            inventory_service: shop.inventory_service(),
            shop,
            stream,
            records: Vec::new(),
            orders,
            waiting: Vec::new(),
        }
    }

    async fn happens(&mut self, step: &Step) {
        match step {
            Step::Place(one, two) => self.place(*one, *two).await,
            Step::Cancel(order) => self.change("cancel", *order).await,
            Step::Ship(order) => self.change("ship", *order).await,
            Step::Deliver(order) => self.change("deliver", *order).await,
            Step::Foreign(kind, order) => {
                let order = &self.orders[order % self.orders.len()];
                self.waiting.push(event(*kind, order).payload);
            }
            Step::Relay { dies } => self.relay(*dies).await,
            Step::Apply { waiting, again } if !self.waiting.is_empty() => {
                let n = waiting % self.waiting.len();
                if self.apply(n).await.is_ok() && !again {
                    self.waiting.swap_remove(n);
                }
            }
            Step::Apply { .. } => {}
        }
    }

    async fn place(&mut self, one: u32, two: u32) {
        let second =
            if two > 0 { format!(r#",{{"productId":"002","quantity":{two}}}"#) } else { String::new() };
        let body =
            format!(r#"{{"customerId":"001","items":[{{"productId":"001","quantity":{one}}}{second}]}}"#);
        let reply = self.send(call::post("/order").json(body)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        self.orders.push(reply.json()["orderId"].as_str().unwrap().to_owned());
    }

    async fn change(&self, action: &str, order: usize) {
        let order = &self.orders[order % self.orders.len()];
        let request = call::post(&format!("/order/{{orderId}}/{action}")).path("orderId", order);
        let reply = self.send(request).await;
        assert!([200, 404, 409].contains(&reply.status), "{reply:?}");
    }

    async fn send(&self, request: call::Rest) -> Reply {
        request.send(&self.order_service).await
    }

    async fn relay(&mut self, dies: bool) {
        self.records.extend(self.stream.read().await);
        let answer = self.order_service.handle(call::stream(&self.records)).await.unwrap();
        assert!(call::failed_records(&answer).is_empty());
        self.waiting.extend(self.shop.bus.take().iter().map(tests::Published::envelope));
        if !dies {
            self.records.clear();
        }
    }

    async fn apply(&self, n: usize) -> Result<(), Failure> {
        let invocation = call::invocation(self.waiting[n].clone());
        self.inventory_service.handle(invocation).await.map(drop)
    }

    /// Delivers everything, as often as it helps, and returns what cannot be applied.
    async fn ends(&mut self) -> Vec<Failure> {
        self.relay(false).await;
        loop {
            let (mut failures, mut left) = (Vec::new(), Vec::new());
            for n in 0..self.waiting.len() {
                if let Err(failure) = self.apply(n).await {
                    failures.push(failure);
                    left.push(self.waiting[n].clone());
                }
            }
            let stuck = left.len() == self.waiting.len();
            self.waiting = left;
            if stuck {
                return failures;
            }
        }
    }
}

async fn tell(steps: &[Step]) {
    let mut story = Story::begin().await;
    for step in steps {
        story.happens(step).await;
        assert_conserved(&story.shop, &format!("{step:?}")).await;
    }
    for failure in story.ends().await {
        assert!([TOO_EARLY, ILLEGAL_TRANSITION].contains(&failure.error_type), "{failure}");
    }
    assert_conserved(&story.shop, "the end").await;
    for order in story.shop.orders().await {
        let sold = matches!(order.status, Confirmed | Shipped | Delivered);
        assert_eq!(order.stock_reserved, sold, "{order:?}");
        assert_ne!(order.status, Placed, "{order:?}");
        let rejected = order.event.as_ref().is_some_and(|event| event.kind == EventKind::Rejected);
        assert!(order.event.is_none() || (rejected && order.status == Rejected), "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order_stock_is_conserved_and_every_order_decided(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tell(&steps));
    }
}
