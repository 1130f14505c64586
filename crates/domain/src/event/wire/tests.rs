use super::*;

const PLACED: &str = r#"{"detailType":"OrderPlaced","orderId":"001","orderStatus":"OrderPlaced","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}],"totalAmount":279.98}"#;
const CONFIRMED: &str = r#"{"detailType":"OrderConfirmed","orderId":"001","orderStatus":"OrderConfirmed","customerId":"001","items":[{"productId":"001","quantity":1,"unitPrice":79.99},{"productId":"002","quantity":1,"unitPrice":199.99}],"totalAmount":279.98}"#;
const CONFIRMED_WITHOUT_PRICES: &str = r#"{"detailType":"OrderConfirmed","orderId":"001","orderStatus":"OrderConfirmed","customerId":"001","items":[{"productId":"001","quantity":1}]}"#;
const SHIPPED_BY_CARRIER: &str = r#"{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped","carrier":"DHL","trackingNumber":"JD01 4600"}"#;
const SHIPPED: &str = r#"{"detailType":"OrderShipped","orderId":"001","orderStatus":"OrderShipped"}"#;
const DELIVERED: &str = r#"{"detailType":"OrderDelivered","orderId":"001","orderStatus":"OrderDelivered"}"#;
const CANCELED: &str = r#"{"detailType":"OrderCanceled","orderId":"001","orderStatus":"OrderCanceled","customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]}"#;
const REJECTED: &str = r#"{"detailType":"OrderRejected","orderId":"001","orderStatus":"OrderRejected","customerId":"001","items":[{"productId":"001","quantity":9}],"shortages":[{"productId":"001","requested":9,"available":3}]}"#;
const METADATA: &str = r#","metadata":{"eventId":"e1","occurredAt":"2025-01-01T00:00:00.000Z","schemaVersion":1,"correlationId":"c1"}}"#;

fn with_metadata(detail: &str) -> String {
    format!("{}{METADATA}", detail.strip_suffix('}').unwrap())
}

#[test]
fn round_trips_every_kind_of_event() {
    let details = [
        PLACED,
        CONFIRMED,
        CONFIRMED_WITHOUT_PRICES,
        SHIPPED,
        SHIPPED_BY_CARRIER,
        DELIVERED,
        CANCELED,
        REJECTED,
    ];
    let kinds = details.map(|bare| {
        for detail in [bare.to_owned(), with_metadata(bare)] {
            let event = OrderEvent::from_json(&detail).unwrap();
            assert_eq!(event.to_json().unwrap(), detail);
            assert_eq!(event.order_id().as_str(), "001");
            assert_eq!(event.metadata().is_some(), detail != bare);
        }
        OrderEvent::from_json(bare).unwrap().kind()
    });
    use EventKind::{Canceled, Confirmed, Delivered, Placed, Rejected, Shipped};
    assert_eq!(kinds, [Placed, Confirmed, Confirmed, Shipped, Shipped, Delivered, Canceled, Rejected]);
}

#[test]
fn ignores_unknown_fields() {
    let gained = SHIPPED.replace("\"orderId\"", "\"weight\":{\"grams\":1},\"orderId\"");
    assert_eq!(OrderEvent::from_json(&gained).unwrap(), OrderEvent::from_json(SHIPPED).unwrap());
}

#[test]
fn ignores_an_invalid_shipment_of_another_producer() {
    for carrier in ["\"\"", "{\"name\":\"DHL\"}", "42", "null"] {
        let detail = SHIPPED_BY_CARRIER.replace("\"DHL\"", carrier);
        let OrderEvent::Shipped { shipment, .. } = OrderEvent::from_json(&detail).unwrap() else {
            panic!("not shipped");
        };
        assert_eq!(shipment.carrier, None, "{carrier}");
        assert!(shipment.tracking_number.is_some());
    }
}

#[test]
fn reports_an_unknown_version_whatever_its_fields() {
    let detail = r#"{"metadata":{"schemaVersion":2,"id":{}},"order":{"id":"001"}}"#;
    assert!(matches!(OrderEvent::from_json(detail), Err(EventError::UnknownVersion(2))));
}

#[test]
fn names_what_makes_an_event_malformed() {
    for (detail, why) in [
        ("", "EOF"),
        ("7", "invalid type"),
        ("null", "invalid type"),
        (r#"{"orderId":"1","orderStatus":"OrderPlaced"}"#, "missing field `detailType`"),
        (r#"{"detailType":"OrderShipped","orderStatus":"OrderShipped"}"#, "missing field `orderId`"),
        (&SHIPPED.replace("001", "a b"), "must be 1 to 64 characters"),
        (&SHIPPED.replace("OrderShipped", "OrderLost"), "\"OrderLost\" is not a detail-type"),
        (&SHIPPED.replacen("OrderShipped", "OrderDelivered", 1), "orderStatus must equal detailType"),
        (&PLACED.replace("\"customerId\":\"001\",", ""), "missing field `customerId`"),
        (&PLACED.replace("\"quantity\":1}]", "\"quantity\":0}]"), "must be a whole number from 1 to 1000"),
        (&PLACED.replace("\"quantity\":1}]", "\"quantity\":1.5}]"), "floating point"),
        (&PLACED.replace("\"quantity\":1}]", "\"quantity\":-1}]"), "integer"),
        (&PLACED.replace("279.98", "279.985"), "more than two decimal places"),
        (&PLACED.replace(",\"totalAmount\":279.98", ""), "missing field `totalAmount`"),
        (
            &CANCELED.replace(
                "[{\"productId\":\"001\",\"quantity\":1},{\"productId\":\"002\",\"quantity\":1}]",
                "[]",
            ),
            "at least one line item",
        ),
        (&CONFIRMED.replace("79.99", "-79.99"), "must not be negative"),
        (&CONFIRMED.replace("279.98", "\"a lot\""), "must be a number"),
        (&CONFIRMED_WITHOUT_PRICES.replace("\"customerId\":\"001\",", ""), "missing field `customerId`"),
        (
            &CONFIRMED_WITHOUT_PRICES.replace("{\"productId\":\"001\",\"quantity\":1}", ""),
            "at least one line item",
        ),
        (&with_metadata(SHIPPED).replace("\"eventId\":\"e1\",", ""), "missing field `eventId`"),
    ] {
        match OrderEvent::from_json(detail) {
            Err(EventError::Malformed(message)) => assert!(message.contains(why), "{detail}: {message}"),
            other => panic!("{detail}: {other:?}"),
        }
    }
}

#[test]
fn merges_lines_of_one_product() {
    let doubled = PLACED.replace("\"002\"", "\"001\"");
    let OrderEvent::Placed { items, .. } = OrderEvent::from_json(&doubled).unwrap() else {
        panic!("not placed");
    };
    assert_eq!(items.as_slice().len(), 1);
    assert_eq!(items.as_slice()[0].quantity.get(), 2);
}
