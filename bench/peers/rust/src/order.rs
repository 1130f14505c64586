//! Pricing and storing of an order.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::Shop;
use crate::money::{to_cents, to_number};
use crate::problem::{Problem, violation};
use crate::request::OrderRequest;

const IDEMPOTENCY_NAMESPACE: Uuid = uuid!("8a5c1e0e-6f0b-4c55-9b7b-2a9d6b1f0c31");
const EVENT_NAMESPACE: Uuid = uuid!("3f3d52c4-1d8e-4a0f-8f57-c1b670aa94e2");

type Item = HashMap<String, AttributeValue>;

/// Stores an order, or returns the stored one if the request is a repetition.
pub async fn place(
    shop: &Shop,
    request: &OrderRequest,
    prices: &BTreeMap<String, i64>,
    correlation_id: &str,
) -> Result<Value, Problem> {
    let id = match &request.idempotency_key {
        Some(key) => {
            Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, format!("{}/{key}", request.customer_id).as_bytes())
        }
        None => Uuid::now_v7(),
    };
    let id = id.to_string();
    let item = build_item(&id, request, prices, correlation_id)?;
    let shown = show(&item);
    let stored = shop
        .client
        .put_item()
        .table_name(&shop.orders)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(OrderId)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match stored.map_err(|error| error.into_service_error()) {
        Ok(_) => Ok(shown),
        Err(PutItemError::ConditionalCheckFailedException(failure)) => {
            replay(&id, request, failure.item().ok_or_else(|| Problem::internal("no stored order"))?)
        }
        Err(error) => Err(Problem::internal(error)),
    }
}

fn build_item(
    id: &str,
    request: &OrderRequest,
    prices: &BTreeMap<String, i64>,
    correlation_id: &str,
) -> Result<Item, Problem> {
    let mut total = 0;
    let mut items = Vec::new();
    for line in &request.lines {
        let price = prices.get(&line.product_id).copied().unwrap_or_default();
        total += price * line.quantity;
        items.push(AttributeValue::M(HashMap::from([
            ("ProductId".to_owned(), text(&line.product_id)),
            ("Quantity".to_owned(), AttributeValue::N(line.quantity.to_string())),
            ("UnitPrice".to_owned(), AttributeValue::N(to_number(price).to_string())),
        ])));
    }
    check_total(request, total)?;
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let event_id = Uuid::new_v5(&EVENT_NAMESPACE, format!("{id}/OrderPlaced").as_bytes());
    let event = HashMap::from([
        ("Id".to_owned(), text(&event_id.to_string())),
        ("Type".to_owned(), text("OrderPlaced")),
        ("Time".to_owned(), text(&now)),
        ("CorrelationId".to_owned(), text(correlation_id)),
    ]);
    Ok(HashMap::from([
        ("OrderId".to_owned(), text(id)),
        ("CustomerId".to_owned(), text(&request.customer_id)),
        ("OrderStatus".to_owned(), text("Placed")),
        ("Items".to_owned(), AttributeValue::L(items)),
        ("TotalAmount".to_owned(), AttributeValue::N(to_number(total).to_string())),
        ("CreatedAt".to_owned(), text(&now)),
        ("UpdatedAt".to_owned(), text(&now)),
        ("RequestHash".to_owned(), text(&request.hash())),
        ("Event".to_owned(), AttributeValue::M(event)),
    ]))
}

fn check_total(request: &OrderRequest, total: i64) -> Result<(), Problem> {
    match request.expected_total {
        Some(expected) if to_cents(expected) != total => {
            let detail = format!("is {expected}, but the catalog total is {}", to_number(total));
            let errors = json!({"errors": [violation("#/totalAmount", "total-differs", &detail)]});
            Err(Problem::new(409, "total-differs", "Total does not match the catalog", detail, errors))
        }
        _ => Ok(()),
    }
}

fn replay(id: &str, request: &OrderRequest, stored: &Item) -> Result<Value, Problem> {
    if stored.get("RequestHash") == Some(&text(&request.hash())) {
        let mut order = stored.clone();
        order.insert("OrderStatus".to_owned(), text("Placed"));
        if let Some(created) = stored.get("CreatedAt") {
            order.insert("UpdatedAt".to_owned(), created.clone());
        }
        return Ok(show(&order));
    }
    let title = "Idempotency key already used for a different request";
    let detail = "use a new idempotency key for a different request".to_owned();
    Err(Problem::new(422, "idempotency-key-reused", title, detail, json!({"orderId": id})))
}

fn show(order: &Item) -> Value {
    let value = |name: &str| order.get(name).map_or(Value::Null, to_json);
    let items = value("Items");
    let items = items.as_array().into_iter().flatten().map(|item| {
        json!({"productId": item["ProductId"], "quantity": item["Quantity"], "unitPrice": item["UnitPrice"]})
    });
    json!({
        "orderId": value("OrderId"),
        "customerId": value("CustomerId"),
        "orderStatus": value("OrderStatus"),
        "items": items.collect::<Vec<_>>(),
        "totalAmount": value("TotalAmount"),
        "createdAt": value("CreatedAt"),
        "updatedAt": value("UpdatedAt"),
    })
}

fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::from(text.as_str()),
        AttributeValue::N(number) => number.parse().map_or(Value::Null, Value::Number),
        AttributeValue::L(values) => values.iter().map(to_json).collect(),
        AttributeValue::M(map) => map.iter().map(|(name, value)| (name.clone(), to_json(value))).collect(),
        _ => Value::Null,
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
