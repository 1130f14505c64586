//! Business rules of the shop: customers, products, orders, order lines, money,
//! stock, events and the order life cycle.
//!
//! Everything in this crate is pure and synchronous. The caller passes in time,
//! randomness and stored data, so that each rule can be tested without a clock
//! or a network.

pub mod customer;
pub mod event;
pub mod fulfillment;
pub mod ids;
pub mod inventory_event;
pub mod list_position;
pub mod money;
pub mod order;
pub mod order_line;
pub mod order_request;
pub mod order_scope;
pub mod outbox;
pub mod precondition;
pub mod product;
pub mod quote;
pub mod redact;
pub mod shipment;
pub mod short_text;
pub mod status;
pub mod stock;
pub mod stock_adjustment;
pub mod timestamp;
pub mod trace_parent;

pub use customer::{Customer, EmailAddress};
pub use event::{
    EventError, EventKind, EventMetadata, EventSubject, OrderEvent, StockReceived, UnpublishableEvent,
};
pub use fulfillment::{FulfillmentPosition, FulfillmentShard};
pub use ids::{
    AdjustmentId, CorrelationId, CustomerId, EventId, IdempotencyKey, OrderId, ProductId, ReceiptId, Revision,
};
pub use inventory_event::{InventoryEvent, InventoryEventKind, InventoryEvents, StockChange};
pub use list_position::ListPosition;
pub use money::Money;
pub use order::Order;
pub use order_line::{LineItem, OrderLine, OrderLines, Quantity, Shortage};
pub use order_request::{OrderRequest, RequestHash};
pub use order_scope::OrderScope;
pub use outbox::OutboxEvent;
pub use precondition::{Precondition, RevisionSet};
pub use product::Product;
pub use quote::{Quote, QuoteError, UnknownReferences};
pub use shipment::Shipment;
pub use short_text::ShortText;
pub use status::{OrderAction, OrderStatus, Transition, transition};
pub use stock::{StockDelta, StockLevel};
pub use stock_adjustment::{AdjustmentReason, StockAdjustment};
pub use timestamp::Timestamp;
pub use trace_parent::TraceParent;
