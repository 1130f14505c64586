//! The DynamoDB tables: attribute names, item codecs, and the reads and writes that
//! both services make.

pub mod attribute;
pub mod batch_get;
mod customer_item;
mod decode;
mod ledger_item;
mod order_item;
mod orders_table;
mod outbox_item;
mod page;
mod product_item;
mod revision;
mod stock_item;
mod stored_order;
mod value;

pub use customer_item::{decode_customer, encode_customer};
pub use decode::{ItemDecodeError, id_attribute};
pub use ledger_item::{decode_adjustment, encode_adjustment, ledger_key};
pub use order_item::{
    decode_order, encode_line_items, encode_order, encode_shortages, set_shipment, status_condition,
};
pub use orders_table::{InsertOutcome, OrdersTable};
pub use outbox_item::{SupersededEvent, decode_outbox, decode_superseded, encode_outbox, keep_event};
pub use page::{Page, UnreadableItem};
pub use product_item::{decode_price, decode_product, encode_product};
pub use revision::{Revised, decode_revision, write_condition};
pub use stock_item::{STOCK_LIST, decode_stock, set_stock_list_entry, stock_list_entry};
pub use stored_order::StoredOrder;
pub use value::{Item, item, key, number, text};
