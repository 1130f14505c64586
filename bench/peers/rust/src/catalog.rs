//! The customer and the prices of a request, read with one BatchGetItem.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde_json::Value;

use crate::Shop;
use crate::money::to_cents;
use crate::problem::{Problem, violation};
use crate::request::OrderRequest;

/// Reads the price of each product in cents.
pub async fn read_prices(shop: &Shop, request: &OrderRequest) -> Result<BTreeMap<String, i64>, Problem> {
    let mut prices = BTreeMap::new();
    let mut has_customer = false;
    let products = request.lines.iter().map(|line| line.product_id.as_str());
    let mut unread = HashMap::from([
        (shop.customers.clone(), keys("CustomerId", [request.customer_id.as_str()], "CustomerId")?),
        (shop.products.clone(), keys("ProductId", products, "ProductId, Price")?),
    ]);
    while !unread.is_empty() {
        let sent = shop.client.batch_get_item().set_request_items(Some(unread)).send().await;
        let output = sent.map_err(|error| Problem::internal(error.into_service_error()))?;
        let items = |table: &str| output.responses().and_then(|responses| responses.get(table));
        has_customer |= items(&shop.customers).is_some_and(|items| !items.is_empty());
        for product in items(&shop.products).into_iter().flatten() {
            if let (Some(Ok(id)), Some(Ok(price))) = (
                product.get("ProductId").map(AttributeValue::as_s),
                product.get("Price").map(AttributeValue::as_n),
            ) {
                prices.insert(id.clone(), to_cents(price.parse().map_err(Problem::internal)?));
            }
        }
        unread = output.unprocessed_keys().cloned().unwrap_or_default();
    }
    check(request, has_customer, &prices)?;
    Ok(prices)
}

fn check(request: &OrderRequest, has_customer: bool, prices: &BTreeMap<String, i64>) -> Result<(), Problem> {
    let mut violations: Vec<Value> = Vec::new();
    if !has_customer {
        let detail = format!("no such customer: {}", request.customer_id);
        violations.push(violation("#/customerId", "unknown-customer", &detail));
    }
    for line in request.lines.iter().filter(|line| !prices.contains_key(&line.product_id)) {
        let detail = format!("no such product: {}", line.product_id);
        violations.push(violation("#/items", "unknown-product", &detail));
    }
    if violations.is_empty() { Ok(()) } else { Err(Problem::invalid(violations)) }
}

fn keys<'a>(
    name: &str,
    ids: impl IntoIterator<Item = &'a str>,
    projection: &str,
) -> Result<KeysAndAttributes, Problem> {
    let keys = ids.into_iter().map(|id| HashMap::from([(name.to_owned(), AttributeValue::S(id.to_owned()))]));
    KeysAndAttributes::builder()
        .set_keys(Some(keys.collect()))
        .projection_expression(projection)
        .consistent_read(true)
        .build()
        .map_err(Problem::internal)
}
