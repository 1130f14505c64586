//! Attribute and index names. Key attributes and the index match template.yaml.

#![allow(missing_docs, reason = "each constant is named like its value")]

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
pub const CARRIER: &str = "Carrier";
pub const TRACKING_NUMBER: &str = "TrackingNumber";
pub const FULFILLMENT_SHARD: &str = "FulfillmentShard";
pub const FULFILLMENT_POSITION: &str = "FulfillmentPosition";
pub const OUTBOX: &str = "Event";
pub const EVENT_BEFORE_SHIPPED: &str = "EventBeforeShipped";
pub const EVENT_BEFORE_DELIVERED: &str = "EventBeforeDelivered";
pub const EVENT_BEFORE_CANCELED: &str = "EventBeforeCanceled";

// Elements of Items and Shortages
pub const PRODUCT_ID: &str = "ProductId";
pub const QUANTITY: &str = "Quantity";
pub const UNIT_PRICE: &str = "UnitPrice";
pub const REQUESTED: &str = "Requested";
pub const AVAILABLE: &str = "Available";

// The outbox attributes
pub const OUTBOX_ID: &str = "Id";
pub const OUTBOX_TYPE: &str = "Type";
pub const OUTBOX_TIME: &str = "Time";
pub const OUTBOX_CORRELATION_ID: &str = "CorrelationId";
pub const OUTBOX_TRACE_PARENT: &str = "TraceParent";

// Customers
pub const EMAIL: &str = "Email";

// Customers and Products
pub const NAME: &str = "Name";

// Products
pub const PRICE: &str = "Price";

// Customers, Products and Inventory
pub const REVISION: &str = "Revision";

// Inventory
pub const REORDER_POINT: &str = "ReorderPoint";

// Inventory: the index of stock items and of ledger entries
pub const LISTED_UNDER: &str = "ListedUnder";
pub const LISTED_AS: &str = "ListedAs";

// Inventory: ledger entries
pub const DELTA: &str = "Delta";
pub const REASON: &str = "Reason";
pub const NOTE: &str = "Note";
pub const RECEIPT_ID: &str = "ReceiptId";

/// Keys-only index of Orders by customer and creation time.
pub const CUSTOMER_ORDERS_INDEX: &str = "CustomerOrders";
/// Keys-only index of the confirmed orders by shard and position. An order is in it while
/// it has [`FULFILLMENT_SHARD`].
pub const ORDERS_TO_SHIP_INDEX: &str = "OrdersToShip";

/// Keys-only index of Inventory: the list of stock items, and the ledger of each product.
pub const INVENTORY_LISTS_INDEX: &str = "InventoryLists";
