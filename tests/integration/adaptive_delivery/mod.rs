//! Adaptive delivery: an event from the bus is applied directly, and goes to the queue if it meets
//! contention or an outage.

mod handover;
mod memory;
mod redelivery;

use domain::{EventKind, Order, OrderStatus};
use lambda::InvocationError;
use serde_json::{Value, json};
use test_support::{AwsError, Invocation, TestShop, deliver_batch, invocation};

const CONFLICT: &str = "TransactionConflict";

/// Stores an order with one unit of a product.
async fn store(shop: &TestShop, id: &str, status: OrderStatus, product: &str) {
    let mut order = Order { id: id.parse().unwrap(), status, ..shop.order("001").await.unwrap() };
    order.items.truncate(1);
    order.items[0].line.product_id = product.parse().unwrap();
    order.stock_reserved = status == OrderStatus::Confirmed;
    shop.put_order(&order).await;
}

/// Returns an event of an order with one unit of a product.
fn event(kind: EventKind, order: &str, product: &str) -> Invocation {
    let mut detail = json!({"detailType": kind.as_str(), "orderId": order, "orderStatus": kind.as_str()});
    if matches!(kind, EventKind::Placed | EventKind::Canceled) {
        detail["customerId"] = "001".into();
        detail["items"] = json!([{"productId": product, "quantity": 1}]);
    }
    if kind == EventKind::Placed {
        detail["totalAmount"] = json!(1);
    }
    invocation::event(kind.as_str(), &detail.to_string())
}

fn placed(order: &str, product: &str) -> Invocation {
    event(EventKind::Placed, order, product)
}

fn received(product: &str) -> Invocation {
    let detail = json!({"receiptId": "r-1", "productId": product, "quantity": 1, "reason": "received"});
    invocation::stock_received(&detail.to_string())
}

async fn apply(shop: &TestShop, event: Invocation) -> Result<(), InvocationError> {
    shop.inventory_service().handle(event).await.map(drop)
}

/// Delivers every message of the queue once, in one batch.
async fn deliver_queue(shop: &TestShop) {
    let messages = shop.queues.receive(usize::MAX);
    deliver_batch(shop, &shop.inventory_service(), &messages).await;
}

/// Returns the bodies of the queue's messages.
fn queued(shop: &TestShop) -> Vec<String> {
    shop.queues.order_events().into_iter().map(|message| message.body).collect()
}

async fn status(shop: &TestShop, id: &str) -> OrderStatus {
    shop.order(id).await.unwrap().status
}

/// Returns the calls to DynamoDB by operation.
fn calls(shop: &TestShop) -> Value {
    json!(shop.proxy.calls_by_operation())
}

/// Returns the error of a transaction whose stock conflicts with another transaction.
fn contended() -> AwsError {
    AwsError::transaction_canceled(&["None", CONFLICT])
}
