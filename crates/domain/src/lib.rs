//! The rules of the shop: orders, money, stock, events and the life of an order.
//!
//! Everything here is pure and synchronous. Time, randomness and storage are
//! passed in, so that every rule can be tested without a clock or a network,
//! and so that the wire shapes that other systems see are defined in one place.

pub mod catalogue;
pub mod discreet;
pub mod event;
pub mod ids;
mod json;
pub mod lines;
pub mod money;
pub mod notice;
pub mod order;
pub mod republish;
pub mod request;
pub mod status;
pub mod time;
pub mod violation;

pub use catalogue::{Product, ProductList, StockLevel};
pub use event::{EventError, EventKind, EventMetadata, OrderEvent};
pub use ids::{CorrelationId, CustomerId, EventId, IdempotencyKey, OrderId, ProductId};
pub use lines::{Line, Lines, Quantity};
pub use money::Money;
pub use notice::UnpublishableEvent;
pub use order::{LineItem, Order, OrderList, PendingEvent, Shortage};
pub use republish::{RepublishOutcome, RepublishReport, RepublishRequest, Republished};
pub use request::{PlaceOrder, Quote, QuoteError, RequestError, RequestHash};
pub use status::{Change, OrderStatus, Transition, transition};
pub use time::Timestamp;
pub use violation::{Rule, Violation};
