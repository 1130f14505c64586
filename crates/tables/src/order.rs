//! Items of the Orders table.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Change, Line, LineItem, Order, PendingEvent, Quantity, RequestHash, Shortage};

use crate::attribute::{
    AVAILABLE, CREATED_AT, CUSTOMER_ID, EVENT, EVENT_CORRELATION_ID, EVENT_ID, EVENT_TIME, EVENT_TYPE, ITEMS,
    ORDER_ID, ORDER_STATUS, PRODUCT_ID, QUANTITY, REQUEST_HASH, REQUESTED, SHORTAGES, STOCK_RESERVED,
    TOTAL_AMOUNT, UNIT_PRICE, UPDATED_AT,
};
use crate::reader::{BadItem, flag, list, map, optional, required};
use crate::{Item, number, text};

/// The item of an order.
#[must_use]
pub fn order_to_item(order: &Order) -> Item {
    let mut item: Item = [
        (ORDER_ID, text(&order.id)),
        (CUSTOMER_ID, text(&order.customer_id)),
        (ORDER_STATUS, text(order.status)),
        (ITEMS, items_to_value(&order.items)),
        (CREATED_AT, text(order.created_at)),
        (UPDATED_AT, text(order.updated_at)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    if let Some(total) = order.total_amount {
        put(TOTAL_AMOUNT, number(total));
    }
    if let Some(hash) = &order.request_hash {
        put(REQUEST_HASH, text(hash.as_str()));
    }
    if let Some(event) = &order.event {
        put(EVENT, pending_event_to_value(event));
    }
    if !order.shortages.is_empty() {
        put(SHORTAGES, shortages_to_value(&order.shortages));
    }
    if order.stock_reserved {
        put(STOCK_RESERVED, AttributeValue::Bool(true));
    }
    item
}

/// The order of an item.
///
/// # Errors
/// [`BadItem`] names the attribute that is missing or not as it should be.
pub fn order_from_item(item: &Item) -> Result<Order, BadItem> {
    Ok(Order {
        id: required(item, ORDER_ID)?,
        customer_id: required(item, CUSTOMER_ID)?,
        status: required(item, ORDER_STATUS)?,
        items: list(item, ITEMS, line_item_from_map)?,
        total_amount: optional(item, TOTAL_AMOUNT)?,
        shortages: list(item, SHORTAGES, shortage_from_map)?,
        created_at: required(item, CREATED_AT)?,
        updated_at: required(item, UPDATED_AT)?,
        request_hash: optional::<String>(item, REQUEST_HASH)?.map(RequestHash::from_stored),
        stock_reserved: flag(item, STOCK_RESERVED)?,
        event: pending_event_from_item(item)?,
    })
}

/// The outbox of an item, if it holds an event.
///
/// # Errors
/// [`BadItem`] names the attribute that is missing or not as it should be.
pub fn pending_event_from_item(item: &Item) -> Result<Option<PendingEvent>, BadItem> {
    let Some(event) = map(item, EVENT)? else {
        return Ok(None);
    };
    Ok(Some(PendingEvent {
        id: required(event, EVENT_ID)?,
        kind: required(event, EVENT_TYPE)?,
        time: required(event, EVENT_TIME)?,
        correlation_id: required(event, EVENT_CORRELATION_ID)?,
    }))
}

/// The attribute that holds the outbox.
#[must_use]
pub fn pending_event_to_value(event: &PendingEvent) -> AttributeValue {
    record([
        (EVENT_ID, text(&event.id)),
        (EVENT_TYPE, text(event.kind)),
        (EVENT_TIME, text(event.time)),
        (EVENT_CORRELATION_ID, text(&event.correlation_id)),
    ])
}

/// The condition that an order's status is one from which `change` is legal,
/// for example `OrderStatus IN (:from0, :from1)`, and the values that it uses.
#[must_use]
pub fn legal_sources(change: Change) -> (String, Item) {
    let values: Vec<_> = change.sources().enumerate().map(|(n, s)| (format!(":from{n}"), text(s))).collect();
    let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
    (format!("{ORDER_STATUS} IN ({})", names.join(", ")), values.into_iter().collect())
}

/// The attribute that holds the line items.
#[must_use]
pub fn items_to_value(items: &[LineItem]) -> AttributeValue {
    AttributeValue::L(items.iter().map(line_item_to_value).collect())
}

/// The attribute that holds the shortages.
#[must_use]
pub fn shortages_to_value(shortages: &[Shortage]) -> AttributeValue {
    let value = |shortage: &Shortage| {
        record([
            (PRODUCT_ID, text(&shortage.product_id)),
            (REQUESTED, number(shortage.requested)),
            (AVAILABLE, number(shortage.available)),
        ])
    };
    AttributeValue::L(shortages.iter().map(value).collect())
}

fn line_item_to_value(item: &LineItem) -> AttributeValue {
    let line = [(PRODUCT_ID, text(&item.line.product_id)), (QUANTITY, number(item.line.quantity))];
    record(line.into_iter().chain(item.unit_price.map(|price| (UNIT_PRICE, number(price)))))
}

fn record<'a>(attributes: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> AttributeValue {
    AttributeValue::M(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn line_item_from_map(map: &Item) -> Result<LineItem, BadItem> {
    Ok(LineItem {
        line: Line { product_id: required(map, PRODUCT_ID)?, quantity: quantity(map, QUANTITY)? },
        unit_price: optional(map, UNIT_PRICE)?,
    })
}

fn shortage_from_map(map: &Item) -> Result<Shortage, BadItem> {
    Ok(Shortage {
        product_id: required(map, PRODUCT_ID)?,
        requested: quantity(map, REQUESTED)?,
        available: required(map, AVAILABLE)?,
    })
}

fn quantity(map: &Item, name: &str) -> Result<Quantity, BadItem> {
    Quantity::new(required(map, name)?).map_err(|error| BadItem::new(name, error))
}

#[cfg(test)]
mod tests {
    use domain::{EventKind, OrderStatus};

    use super::*;

    fn full_order() -> Order {
        let id = "o1".parse().unwrap();
        let time = "2025-01-01T00:00:00Z".parse().unwrap();
        Order {
            event: Some(PendingEvent::new(&id, EventKind::Rejected, time, "c1".parse().unwrap())),
            id,
            customer_id: "001".parse().unwrap(),
            status: OrderStatus::Rejected,
            items: vec![LineItem {
                line: Line { product_id: "p1".parse().unwrap(), quantity: Quantity::new(3).unwrap() },
                unit_price: Some("79.99".parse().unwrap()),
            }],
            total_amount: Some("239.97".parse().unwrap()),
            shortages: vec![Shortage {
                product_id: "p1".parse().unwrap(),
                requested: Quantity::new(3).unwrap(),
                available: 2,
            }],
            created_at: time,
            updated_at: time,
            request_hash: Some(RequestHash::from_stored("hash".into())),
            stock_reserved: true,
        }
    }

    #[test]
    fn an_order_survives_the_table_with_all_or_nothing_optional() {
        let full = full_order();
        assert_eq!(order_from_item(&order_to_item(&full)), Ok(full.clone()));
        let mut items = full.items.clone();
        items[0].unit_price = None;
        let bare = Order {
            items,
            total_amount: None,
            shortages: Vec::new(),
            request_hash: None,
            stock_reserved: false,
            event: None,
            ..full
        };
        assert_eq!(order_from_item(&order_to_item(&bare)), Ok(bare));
    }

    #[test]
    fn a_change_is_conditional_on_the_statuses_that_allow_it() {
        let (condition, values) = legal_sources(Change::Cancel);
        assert_eq!(condition, "OrderStatus IN (:from0, :from1)");
        assert_eq!(values, [(":from0".into(), text("Placed")), (":from1".into(), text("Confirmed"))].into());
    }

    #[test]
    fn what_is_absent_takes_no_room_and_wakes_no_filter() {
        let order = Order { event: None, stock_reserved: false, shortages: Vec::new(), ..full_order() };
        let item = order_to_item(&order);
        for name in [EVENT, STOCK_RESERVED, SHORTAGES] {
            assert!(!item.contains_key(name), "{name}");
        }
    }

    #[test]
    fn an_item_of_another_layout_names_the_attribute() {
        let broken = |name: &str, value: Option<AttributeValue>| {
            let mut item = order_to_item(&full_order());
            match value {
                Some(value) => item.insert(name.to_owned(), value),
                None => item.remove(name),
            };
            order_from_item(&item).unwrap_err().to_string()
        };
        assert_eq!(broken(ORDER_STATUS, None), "attribute OrderStatus: is missing");
        assert_eq!(
            broken(ORDER_STATUS, Some(text("Lost"))),
            "attribute OrderStatus: \"Lost\" is not an order status"
        );
        assert_eq!(broken(STOCK_RESERVED, Some(text("yes"))), "attribute StockReserved: must be a boolean");
        assert_eq!(broken(ITEMS, Some(text("none"))), "attribute Items: must be a list");
        assert_eq!(broken(EVENT, Some(text("none"))), "attribute Event: must be a map");
        assert_eq!(
            broken(TOTAL_AMOUNT, Some(number("1.005"))),
            "attribute TotalAmount: must not have more than two decimal places"
        );
    }
}
