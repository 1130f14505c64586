//! Items of the Orders table.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    FulfillmentShard, LineItem, Order, OrderAction, OrderLine, OrderStatus, Quantity, RequestHash, Shipment,
    Shortage,
};

use crate::attribute::{
    AVAILABLE, CARRIER, CREATED_AT, CUSTOMER_ID, FULFILLMENT_POSITION, FULFILLMENT_SHARD, ITEMS, ORDER_ID,
    ORDER_STATUS, OUTBOX, PRODUCT_ID, QUANTITY, REQUEST_HASH, REQUESTED, SHORTAGES, STOCK_RESERVED,
    TOTAL_AMOUNT, TRACKING_NUMBER, UNIT_PRICE, UPDATED_AT,
};
use crate::decode::{
    ItemDecodeError, flag, list, optional_number, optional_text, required_number, required_text,
};
use crate::outbox_item::{decode_outbox, decode_superseded, encode_outbox};
use crate::stored_order::StoredOrder;
use crate::value::{Item, item, number, text};

/// Encodes an order. Absent fields get no attribute. A confirmed order with a position is
/// on the list of orders to ship.
#[must_use]
pub fn encode_order(stored: &StoredOrder) -> Item {
    let StoredOrder { order, request_hash, outbox, superseded, fulfillment_position } = stored;
    let is_listed = order.status == OrderStatus::Confirmed && fulfillment_position.is_some();
    let mut item = item([
        (ORDER_ID, text(&order.id)),
        (CUSTOMER_ID, text(&order.customer_id)),
        (ORDER_STATUS, text(order.status)),
        (ITEMS, encode_line_items(&order.items)),
        (CREATED_AT, text(order.created_at)),
        (UPDATED_AT, text(order.updated_at)),
    ]);
    let optional_attributes = [
        (TOTAL_AMOUNT, order.total_amount.map(number)),
        (REQUEST_HASH, request_hash.as_ref().map(|hash| text(hash.as_str()))),
        (OUTBOX, outbox.as_ref().map(encode_outbox)),
        (SHORTAGES, (!order.shortages.is_empty()).then(|| encode_shortages(&order.shortages))),
        (CARRIER, order.shipment.carrier.as_ref().map(|carrier| text(carrier.as_str()))),
        (TRACKING_NUMBER, order.shipment.tracking_number.as_ref().map(|number| text(number.as_str()))),
        (FULFILLMENT_POSITION, fulfillment_position.as_ref().map(text)),
        (FULFILLMENT_SHARD, is_listed.then(|| text(FulfillmentShard::of(&order.id)))),
        (STOCK_RESERVED, order.stock_reserved.then_some(AttributeValue::Bool(true))),
    ];
    item.extend(optional_attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item.extend(
        superseded.iter().map(|earlier| (earlier.attribute.to_owned(), encode_outbox(&earlier.event))),
    );
    item
}

/// Decodes an order.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_order(item: &Item) -> Result<StoredOrder, ItemDecodeError> {
    let order = Order {
        id: required_text(item, ORDER_ID)?,
        customer_id: required_text(item, CUSTOMER_ID)?,
        status: required_text(item, ORDER_STATUS)?,
        items: list(item, ITEMS, decode_line_item)?,
        total_amount: optional_number(item, TOTAL_AMOUNT)?,
        shortages: list(item, SHORTAGES, decode_shortage)?,
        shipment: Shipment {
            carrier: optional_text(item, CARRIER)?,
            tracking_number: optional_text(item, TRACKING_NUMBER)?,
        },
        created_at: required_text(item, CREATED_AT)?,
        updated_at: required_text(item, UPDATED_AT)?,
        stock_reserved: flag(item, STOCK_RESERVED)?,
    };
    let request_hash = optional_text::<String>(item, REQUEST_HASH)?.map(RequestHash::from_stored);
    let fulfillment_position = optional_text(item, FULFILLMENT_POSITION)?;
    let (outbox, superseded) = (decode_outbox(item)?, decode_superseded(item)?);
    Ok(StoredOrder { order, request_hash, outbox, superseded, fulfillment_position })
}

/// Returns the condition that an order has a status from which `action` is allowed,
/// for example `OrderStatus IN (:from0, :from1)`, and its expression values.
#[must_use]
pub fn status_condition(action: OrderAction) -> (String, Item) {
    let statuses = action.allowed_from().enumerate();
    let values: Vec<_> = statuses.map(|(index, status)| (format!(":from{index}"), text(status))).collect();
    let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
    (format!("{ORDER_STATUS} IN ({})", names.join(", ")), values.into_iter().collect())
}

/// Returns the part of an update expression that stores the values that `shipment` has,
/// for example `, Carrier = :carrier`, and its expression values.
#[must_use]
pub fn set_shipment(shipment: &Shipment) -> (String, Item) {
    let Shipment { carrier, tracking_number } = shipment;
    let attributes = [(CARRIER, ":carrier", carrier), (TRACKING_NUMBER, ":trackingNumber", tracking_number)];
    let (mut set, mut values) = (String::new(), Item::new());
    for (attribute, name, value) in attributes {
        if let Some(value) = value {
            set.push_str(&format!(", {attribute} = {name}"));
            values.insert(name.to_owned(), text(value.as_str()));
        }
    }
    (set, values)
}

/// Encodes the line items attribute.
#[must_use]
pub fn encode_line_items(items: &[LineItem]) -> AttributeValue {
    AttributeValue::L(items.iter().map(encode_line_item).collect())
}

/// Encodes the shortages attribute.
#[must_use]
pub fn encode_shortages(shortages: &[Shortage]) -> AttributeValue {
    AttributeValue::L(shortages.iter().map(encode_shortage).collect())
}

fn encode_line_item(LineItem { line, unit_price }: &LineItem) -> AttributeValue {
    let attributes = [(PRODUCT_ID, text(&line.product_id)), (QUANTITY, number(line.quantity))];
    let price = unit_price.map(|price| (UNIT_PRICE, number(price)));
    AttributeValue::M(item(attributes.into_iter().chain(price)))
}

fn encode_shortage(shortage: &Shortage) -> AttributeValue {
    AttributeValue::M(item([
        (PRODUCT_ID, text(&shortage.product_id)),
        (REQUESTED, number(shortage.requested)),
        (AVAILABLE, number(shortage.available)),
    ]))
}

fn decode_line_item(map: &Item) -> Result<LineItem, ItemDecodeError> {
    Ok(LineItem {
        line: OrderLine {
            product_id: required_text(map, PRODUCT_ID)?,
            quantity: decode_quantity(map, QUANTITY)?,
        },
        unit_price: optional_number(map, UNIT_PRICE)?,
    })
}

fn decode_shortage(map: &Item) -> Result<Shortage, ItemDecodeError> {
    Ok(Shortage {
        product_id: required_text(map, PRODUCT_ID)?,
        requested: decode_quantity(map, REQUESTED)?,
        available: required_number(map, AVAILABLE)?,
    })
}

fn decode_quantity(map: &Item, name: &str) -> Result<Quantity, ItemDecodeError> {
    Quantity::new(required_number(map, name)?).map_err(|error| ItemDecodeError::new(name, error))
}

#[cfg(test)]
mod tests {
    use domain::{EventKind, FulfillmentPosition, OutboxEvent};

    use super::*;
    use crate::attribute::EVENT_BEFORE_SHIPPED;
    use crate::outbox_item::SupersededEvent;

    fn full_order() -> StoredOrder {
        let time = "2025-01-01T00:00:00Z".parse().unwrap();
        let order = Order {
            id: "o1".parse().unwrap(),
            customer_id: "001".parse().unwrap(),
            status: OrderStatus::Rejected,
            items: vec![LineItem {
                line: OrderLine { product_id: "p1".parse().unwrap(), quantity: Quantity::new(3).unwrap() },
                unit_price: Some("79.99".parse().unwrap()),
            }],
            total_amount: Some("239.97".parse().unwrap()),
            shortages: vec![Shortage {
                product_id: "p1".parse().unwrap(),
                requested: Quantity::new(3).unwrap(),
                available: 2,
            }],
            shipment: Shipment {
                carrier: Some("DHL".parse().unwrap()),
                tracking_number: Some("JD01 4600".parse().unwrap()),
            },
            created_at: time,
            updated_at: time,
            stock_reserved: true,
        };
        StoredOrder {
            outbox: Some(OutboxEvent::new(&order.id, EventKind::Rejected, time, "c1".parse().unwrap())),
            superseded: vec![SupersededEvent {
                attribute: EVENT_BEFORE_SHIPPED,
                event: OutboxEvent::new(&order.id, EventKind::Confirmed, time, "c1".parse().unwrap()),
            }],
            fulfillment_position: Some(FulfillmentPosition::new(time, &order.id)),
            order,
            request_hash: Some(RequestHash::from_stored("hash".into())),
        }
    }

    fn minimal_order() -> StoredOrder {
        let order = full_order().order;
        let items = order.items.into_iter().map(|item| LineItem { unit_price: None, ..item }).collect();
        let (shortages, shipment) = (Vec::new(), Shipment::default());
        Order { items, total_amount: None, shortages, shipment, stock_reserved: false, ..order }.into()
    }

    #[test]
    fn a_confirmed_order_is_on_the_list_of_orders_to_ship() {
        let order = minimal_order().order;
        let time = "2025-01-01T00:00:01Z".parse().unwrap();
        let event = OutboxEvent::new(&order.id, EventKind::Confirmed, time, "c1".parse().unwrap());
        let stored = StoredOrder::confirmed(order, event);
        assert_eq!((stored.order.status, stored.order.stock_reserved), (OrderStatus::Confirmed, true));
        let item = encode_order(&stored);
        assert_eq!(item[FULFILLMENT_POSITION], text("2025-01-01T00:00:01.000Z#o1"));
        assert_eq!(item[FULFILLMENT_SHARD], text("0"));
        assert_eq!(decode_order(&item), Ok(stored.clone()));

        let shipped = Order { status: OrderStatus::Shipped, ..stored.order.clone() };
        let item = encode_order(&StoredOrder { order: shipped, ..stored });
        assert!(item.contains_key(FULFILLMENT_POSITION) && !item.contains_key(FULFILLMENT_SHARD));
    }

    #[test]
    fn round_trips_with_and_without_optional_fields() {
        for order in [full_order(), minimal_order()] {
            assert_eq!(decode_order(&encode_order(&order)), Ok(order));
        }
    }

    #[test]
    fn status_condition_lists_the_allowed_statuses() {
        let (condition, values) = status_condition(OrderAction::Cancel);
        assert_eq!(condition, "OrderStatus IN (:from0, :from1)");
        assert_eq!(values, [(":from0".into(), text("Placed")), (":from1".into(), text("Confirmed"))].into());
    }

    #[test]
    fn sets_only_the_values_that_a_shipment_has() {
        let Shipment { carrier, tracking_number } = full_order().order.shipment;
        let (set, values) = set_shipment(&Shipment { carrier, tracking_number: None });
        assert_eq!(
            (set.as_str(), values),
            (", Carrier = :carrier", [(":carrier".into(), text("DHL"))].into())
        );
        let (set, values) = set_shipment(&Shipment { carrier: None, tracking_number });
        assert_eq!(set, ", TrackingNumber = :trackingNumber");
        assert_eq!(values, [(":trackingNumber".into(), text("JD01 4600"))].into());
        assert_eq!(set_shipment(&Shipment::default()), (String::new(), Item::new()));
    }

    #[test]
    fn absent_fields_have_no_attribute() {
        let item = encode_order(&minimal_order());
        let optional_attributes = [
            OUTBOX,
            STOCK_RESERVED,
            SHORTAGES,
            REQUEST_HASH,
            TOTAL_AMOUNT,
            CARRIER,
            TRACKING_NUMBER,
            FULFILLMENT_POSITION,
            FULFILLMENT_SHARD,
            EVENT_BEFORE_SHIPPED,
        ];
        for name in optional_attributes {
            assert!(!item.contains_key(name), "{name}");
        }
    }

    #[test]
    fn names_the_invalid_attribute() {
        let error = |name: &str, value: Option<AttributeValue>| {
            let mut item = encode_order(&full_order());
            match value {
                Some(value) => item.insert(name.to_owned(), value),
                None => item.remove(name),
            };
            decode_order(&item).unwrap_err().to_string()
        };
        assert_eq!(error(ORDER_STATUS, None), "attribute OrderStatus: is missing");
        assert_eq!(
            error(ORDER_STATUS, Some(text("Lost"))),
            "attribute OrderStatus: \"Lost\" is not an order status"
        );
        assert_eq!(error(STOCK_RESERVED, Some(text("yes"))), "attribute StockReserved: must be a boolean");
        assert_eq!(error(ITEMS, Some(text("none"))), "attribute Items: must be a list");
        assert_eq!(error(OUTBOX, Some(text("none"))), "attribute Event: must be a map");
        assert_eq!(
            error(TOTAL_AMOUNT, Some(number("1.005"))),
            "attribute TotalAmount: must not have more than two decimal places"
        );
    }
}
