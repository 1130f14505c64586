//! Names of the attributes and of the index, as they stand in template.yaml.

#![allow(missing_docs, reason = "each constant is the name that it holds")]

// Orders
pub const ORDER_ID: &str = "OrderId";
pub const CUSTOMER_ID: &str = "CustomerId";
pub const ITEMS: &str = "Items";
pub const TOTAL_AMOUNT: &str = "TotalAmount";
pub const ORDER_STATUS: &str = "OrderStatus";
pub const CREATED_AT: &str = "CreatedAt";
pub const UPDATED_AT: &str = "UpdatedAt";
pub const REQUEST_HASH: &str = "RequestHash";
pub const STOCK_RESERVED: &str = "StockReserved";
pub const SHORTAGES: &str = "Shortages";
pub const EVENT: &str = "Event";

// A line of Items, and of Shortages
pub const PRODUCT_ID: &str = "ProductId";
pub const QUANTITY: &str = "Quantity";
pub const UNIT_PRICE: &str = "UnitPrice";
pub const REQUESTED: &str = "Requested";
pub const AVAILABLE: &str = "Available";

// Event, the outbox
pub const EVENT_ID: &str = "Id";
pub const EVENT_TYPE: &str = "Type";
pub const EVENT_TIME: &str = "Time";
pub const EVENT_CORRELATION_ID: &str = "CorrelationId";

// Products
pub const NAME: &str = "Name";
pub const PRICE: &str = "Price";

/// Index of Orders by customer and time, keys only.
pub const CUSTOMER_ORDERS_INDEX: &str = "CustomerOrders";
