//! Events that the function applies: order events, and receipts of goods.

mod order_event;
mod stock_receipt;

pub(crate) use order_event::claimed_order;

use domain::event::WAREHOUSE_SOURCE;
use domain::{EventSubject, OrderEvent, ProductId, StockReceived};
use lambda::trigger::BusEvent;
use tracing::Span;

use crate::apply_error::ApplyError;
use crate::outcome::Outcome;
use crate::store::Store;

/// A decoded event.
#[derive(Debug, Clone)]
pub(crate) enum InboundEvent {
    /// An event of an order.
    Order(OrderEvent),
    /// Goods that a warehouse has received.
    Receipt(StockReceived),
}

impl InboundEvent {
    /// Returns the order or product that the event is about.
    pub(crate) fn subject(&self) -> EventSubject {
        match self {
            Self::Order(event) => EventSubject::Order(event.order_id().clone()),
            Self::Receipt(event) => EventSubject::Product(event.product_id.clone()),
        }
    }

    /// Returns the products whose stock the event may change.
    pub(crate) fn products(&self) -> Vec<&ProductId> {
        match self {
            Self::Order(OrderEvent::Placed { items, .. } | OrderEvent::Canceled { items, .. }) => {
                items.iter().map(|line| &line.product_id).collect()
            }
            Self::Order(_) => Vec::new(),
            Self::Receipt(event) => vec![&event.product_id],
        }
    }

    /// Applies the event. Applying it again, at any time, changes nothing.
    ///
    /// # Errors
    /// [`ApplyError`] if the event is not applied.
    pub(crate) async fn apply(self, store: &Store) -> Result<Outcome, ApplyError> {
        match self {
            Self::Order(event) => order_event::apply(store, event).await,
            Self::Receipt(event) => stock_receipt::apply(store, event).await,
        }
    }
}

/// Decodes an event and creates the span of its log lines.
///
/// An event without metadata is identified by the id that the bus assigned.
pub(crate) fn decode(envelope: &BusEvent) -> (Span, Result<InboundEvent, ApplyError>) {
    if envelope.source == WAREHOUSE_SOURCE {
        let (span, event) = stock_receipt::decode(envelope);
        (span, event.map(InboundEvent::Receipt))
    } else {
        let (span, event) = order_event::decode(envelope);
        (span, event.map(InboundEvent::Order))
    }
}
