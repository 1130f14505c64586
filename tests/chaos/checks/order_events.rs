//! Checks of the events of orders.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EventId, EventKind, Order, OrderStatus};
use dynamodb::StoredOrder;
use serde_json::Value;
use test_support::PublishedEvent;

use crate::client::{CARRIERS, shipment};
use crate::system::System;

use OrderStatus::{Canceled, Confirmed, Delivered, Rejected, Shipped};

/// The events of orders.
pub(crate) struct OrderEventTotals {
    pub(crate) in_outboxes: usize,
    pub(crate) published: usize,
    pub(crate) confirmed: usize,
}

/// The published events of one order.
type EventsByKind = BTreeMap<&'static str, Value>;

impl System {
    /// Asserts that exactly the events of all outboxes were published, that they match their orders,
    /// and that an order has an OrderConfirmed exactly if it ever was confirmed.
    pub(super) async fn check_order_events(
        &self,
        orders: &[StoredOrder],
        responses: &BTreeMap<String, Value>,
    ) -> OrderEventTotals {
        let records = self.shop.order_stream().await.read().await;
        let images: Vec<_> = records.iter().map(|record| &record["dynamodb"]["NewImage"]).collect();
        let event_id = |image: &&Value| image["Event"]["M"]["Id"]["S"].as_str().map(str::to_owned);
        let in_outboxes: BTreeSet<_> = images.iter().filter_map(event_id).collect();
        let was_confirmed: BTreeSet<_> = images
            .iter()
            .filter(|image| image["OrderStatus"]["S"] == Confirmed.as_str())
            .map(|image| image["OrderId"]["S"].as_str().unwrap())
            .collect();

        let published = self.shop.bus.published();
        let published: Vec<_> = published
            .iter()
            .filter(|event| event.entry.source.as_deref() == Some(domain::event::ORDER_SOURCE))
            .collect();
        let mut ids = BTreeSet::new();
        let mut events: BTreeMap<String, EventsByKind> = BTreeMap::new();
        for event in &published {
            let (kind, detail) = parse(event);
            ids.insert(detail["metadata"]["eventId"].as_str().unwrap().to_owned());
            let of_order = events.entry(detail["orderId"].as_str().unwrap().to_owned()).or_default();
            let first = of_order.entry(kind.as_str()).or_insert_with(|| detail.clone());
            assert_eq!(*first, detail, "two publications of an event differ");
        }
        let unpublished: Vec<_> = in_outboxes.difference(&ids).collect();
        let unknown: Vec<_> = ids.difference(&in_outboxes).collect();
        assert_eq!((unpublished, unknown), (vec![], vec![]));
        for StoredOrder { order, .. } in orders {
            let (id, events) = (order.id.as_str(), &events[order.id.as_str()]);
            assert_events_match(order, events);
            assert_shipment(order, events);
            let confirmed = events.get(EventKind::Confirmed.as_str());
            assert_eq!(confirmed.is_some(), was_confirmed.contains(id), "{order:?}");
            if let Some(event) = confirmed {
                for field in ["customerId", "items", "totalAmount"] {
                    assert_eq!(event[field], responses[id][field], "{field} of {event}");
                }
            }
        }
        OrderEventTotals {
            in_outboxes: in_outboxes.len(),
            published: published.len(),
            confirmed: was_confirmed.len(),
        }
    }
}

/// Parses an event. Asserts that its id is derived from order and kind.
fn parse(event: &PublishedEvent) -> (EventKind, Value) {
    let (kind, detail): (EventKind, _) = (event.detail_type().parse().unwrap(), event.detail());
    let id = EventId::derive(&detail["orderId"].as_str().unwrap().parse().unwrap(), kind);
    assert_eq!(detail["metadata"]["eventId"], id.as_str(), "{detail}");
    (kind, detail)
}

/// Asserts that the published events of an order match its status.
fn assert_events_match(order: &Order, events: &EventsByKind) {
    let has = |kind: EventKind| events.contains_key(kind.as_str());
    assert!(has(EventKind::Placed), "{order:?}");
    assert_eq!(has(EventKind::Rejected), order.status == Rejected, "{order:?}");
    let is_sold = matches!(order.status, Confirmed | Shipped | Delivered);
    assert!(has(EventKind::Confirmed) || !is_sold, "{order:?}");
    assert!(!has(EventKind::Confirmed) || is_sold || order.status == Canceled, "{order:?}");
    assert!(!has(EventKind::Canceled) || order.status == Canceled, "{order:?}");
    assert!(!has(EventKind::Shipped) || matches!(order.status, Shipped | Delivered), "{order:?}");
    assert!(!has(EventKind::Delivered) || order.status == Delivered, "{order:?}");
}

/// Asserts that exactly a shipped order has carrier and tracking number, of the request or the event
/// that shipped it.
fn assert_shipment(order: &Order, events: &EventsByKind) {
    let stored = serde_json::to_value(&order.shipment).unwrap();
    if !matches!(order.status, Shipped | Delivered) {
        assert_eq!(stored, serde_json::json!({}), "{order:?}");
        return;
    }
    let shipped = events.get(EventKind::Shipped.as_str());
    let carrier = if shipped.is_some() { CARRIERS[0] } else { CARRIERS[1] };
    let expected = shipment(carrier, order.id.as_str());
    assert_eq!(stored, expected, "{order:?}");
    if let Some(event) = shipped {
        assert_eq!(
            (&event["carrier"], &event["trackingNumber"]),
            (&expected["carrier"], &expected["trackingNumber"])
        );
    }
}
