//! The document and the code accept the same identifiers and request bodies.

use std::rc::Rc;

use api::{adjustment_body, customer_body, order_body, product_body, reorder_point_body, shipment_body};
use domain::{
    AdjustmentId, CorrelationId, CustomerId, EmailAddress, IdempotencyKey, OrderId, ProductId, ReceiptId,
    ShortText,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::document::Document;

/// Returns texts around every length limit of an identifier, and texts with each character up to `ſ`.
fn texts() -> Vec<String> {
    let lengths = [0, 1, 2, 64, 65, 128, 129, 255, 256];
    let long = lengths.map(|length| "x".repeat(length));
    let single = ('\0'..='\u{17f}').map(String::from);
    let within = ('\0'..='\u{17f}').map(|c| format!("a{c}b"));
    long.into_iter()
        .chain(single)
        .chain(within)
        .chain(["a\n".into(), "\u{ff21}".into(), "1\u{301}".into()])
        .collect()
}

/// A function that returns true if the code accepts a text.
type Accepts = fn(&str) -> bool;

#[test]
fn schema_and_code_accept_the_same_identifiers() {
    let document = Document::read();
    let checks: [(&str, Accepts); 7] = [
        ("OrderId", |text| text.parse::<OrderId>().is_ok()),
        ("CustomerId", |text| text.parse::<CustomerId>().is_ok()),
        ("ProductId", |text| text.parse::<ProductId>().is_ok()),
        ("AdjustmentId", |text| text.parse::<AdjustmentId>().is_ok()),
        ("ReceiptId", |text| text.parse::<ReceiptId>().is_ok()),
        ("CorrelationId", |text| text.parse::<CorrelationId>().is_ok()),
        ("IdempotencyKey", |text| text.parse::<IdempotencyKey>().is_ok()),
    ];
    for (name, accepted) in checks {
        let validator = document.validator_of(name);
        for text in texts() {
            assert_eq!(accepted(&text), validator.is_valid(&json!(text)), "{name} {text:?}");
        }
    }
}

/// Returns texts around the limits of a text, and texts with a special character in each position.
fn short_texts() -> Vec<String> {
    let special = "\0\t\u{85}\u{a0}\u{61c}\u{1680}\u{180e}\u{2003}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2010}\u{2028}\u{2029}\
        \u{202e}\u{202f}\u{205f}\u{2060}\u{206f}\u{2070}\u{3000}\u{fefe}\u{feff}\u{fff8}\u{fff9}\u{fffb}\u{fffc}\u{1f680}\u{dffff}\
        \u{e0000}\u{e007f}\u{e0080}";
    let mut texts: Vec<_> = [1, 199, 200, 201].map(|length| "é".repeat(length)).into();
    texts.extend([242, 243].map(|length| format!("{}@example.com", "x".repeat(length))));
    texts.extend(["", "a b", " a", "a ", "a@b", "a@b@c", "@b", "a@", "@", "a b@c"].map(str::to_owned));
    for c in special.chars().chain('\0'..='\u{17f}') {
        texts.extend([
            c.to_string(),
            format!("{c}a@b"),
            format!("a{c}@b"),
            format!("a@{c}b"),
            format!("a@b{c}"),
        ]);
    }
    texts
}

#[test]
fn schema_and_code_accept_the_same_names_and_addresses() {
    let document = Document::read();
    let checks: [(&str, Accepts); 2] = [
        ("ShortText", |text| text.parse::<ShortText>().is_ok()),
        ("EmailAddress", |text| text.parse::<EmailAddress>().is_ok()),
    ];
    for (name, accepted) in checks {
        let validator = document.validator_of(name);
        for text in short_texts() {
            assert_eq!(accepted(&text), validator.is_valid(&json!(text)), "{name} {text:?}");
        }
    }
}

#[test]
fn documented_entity_tags_are_accepted() {
    let validator = Document::read().validator_of("EntityTags");
    for text in ["*", "\"0\"", "W/\"a\"", "\"a\", \"b\"", "\"\""] {
        assert!(validator.is_valid(&json!(text)), "{text}");
    }
    for text in ["", "a", "*,\"a\"", "\"a\" \"b\"", "\"a", &["\"a\""; 11].join(",")] {
        assert!(!validator.is_valid(&json!(text)), "{text}");
    }
}

/// Returns a strategy for JSON values: mostly these, and sometimes a value of another type.
fn values(of: &[&'static str]) -> impl Strategy<Value = &'static str> + use<> {
    let of_any_type = ["null", "true", "\"\"", "\"1\"", "0", "-1", "1.5", "[]", "{}"];
    prop_oneof![4 => proptest::sample::select(of.to_vec()), 1 => proptest::sample::select(of_any_type.to_vec())]
}

fn members(members: Vec<(&'static str, String)>) -> String {
    let members: Vec<_> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

prop_compose! {
    /// Generates an order line, which may have missing or unknown fields.
    fn line(n: usize)(
        quantity in values(&["1", "999", "1000", "1001", "18446744073709551616"]),
        fields in proptest::sample::subsequence(vec!["productId", "quantity", "price"], 0..=3),
        complete in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if complete { vec!["productId", "quantity"] } else { fields };
        let value = |name| if name == "productId" { format!("\"p{n}\"") } else { quantity.to_owned() };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

prop_compose! {
    /// Generates a body of `POST /order` around the limits of its rules.
    fn body()(
        customer in values(&["\"001\"", "\"a.b_c-D\"", "\"a b\"", "\"é\"", "\"001\\u0000\""]),
        items in prop_oneof![
            4 => (line(0), line(1)).prop_map(|(one, two)| format!("[{one},{two}]")),
            1 => values(&["[]"]).prop_map(str::to_owned),
        ],
        total in values(&["0", "0.00", "79.99", "79.990", "79.999", "-0.01", "1000000000000.00", "1000000000000.01", "1e400", "1E2"]),
        fields in proptest::sample::subsequence(vec!["customerId", "items", "totalAmount", "x"], 0..=4),
        complete in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if complete { vec!["customerId", "items", "totalAmount"] } else { fields };
        let value = |name| match name {
            "customerId" => customer.to_owned(),
            "items" => items.clone(),
            _ => total.to_owned(),
        };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn schema_and_code_accept_the_same_bodies(body in body()) {
        thread_local! {
            static VALIDATOR: Rc<jsonschema::Validator> = Document::read().validator_of("PlaceOrder");
        }
        // A number beyond the range of a double is not a valid `Value`. The code rejects it as well.
        let is_documented = serde_json::from_str::<Value>(&body)
            .is_ok_and(|value| VALIDATOR.with(|validator| validator.is_valid(&value)));
        prop_assert_eq!(order_body::parse(&body).is_ok(), is_documented, "{}", body);
    }
}

prop_compose! {
    /// Generates a body of `POST /inventory/{productId}/adjustments` around the limits of its rules.
    fn adjustment()(
        delta in values(&["1", "-1", "0", "1000000", "1000001", "-1000000", "-1000001", "99999999999999999999"]),
        reason in values(&["\"lost\"", "\"received\"", "\"stolen\"", "\"Lost\""]),
        note in values(&["\"x\"", "\"Aisle 7, shelf 3\""]),
        fields in proptest::sample::subsequence(vec!["delta", "reason", "note", "x"], 0..=4),
        complete in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if complete { vec!["delta", "reason", "note"] } else { fields };
        let value = |name| match name {
            "delta" => delta.to_owned(),
            "reason" => reason.to_owned(),
            _ => note.to_owned(),
        };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

prop_compose! {
    /// Generates a body of `PATCH /inventory/{productId}` around the limits of its rules.
    fn reorder_point()(
        units in values(&["0", "1", "20", "1000000", "1000001", "-1", "99999999999999999999"]),
        fields in proptest::sample::subsequence(vec!["reorderPoint", "x"], 0..=2),
    ) -> String {
        members(fields.into_iter().map(|name| (name, units.to_owned())).collect())
    }
}

prop_compose! {
    /// Generates a body of `POST /order/{orderId}/ship` around the limits of its rules.
    fn shipment()(
        carrier in values(&["\"DHL\"", "\"Zoë's courier\""]),
        number in values(&["\"JD01 4600 003RU\"", "\"7\""]),
        fields in proptest::sample::subsequence(vec!["carrier", "trackingNumber", "x"], 0..=3),
    ) -> String {
        let value = |name| if name == "carrier" { carrier.to_owned() } else { number.to_owned() };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn schema_and_code_accept_the_same_shipments(body in shipment()) {
        thread_local! {
            static VALIDATOR: Rc<jsonschema::Validator> = Document::read().validator_of("ShipOrder");
        }
        let is_documented = serde_json::from_str::<Value>(&body)
            .is_ok_and(|value| VALIDATOR.with(|validator| validator.is_valid(&value)));
        prop_assert_eq!(shipment_body::parse(&body).is_ok(), is_documented, "{}", body);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn schema_and_code_accept_the_same_bodies_about_stock(
        adjustment in adjustment(),
        reorder_point in reorder_point(),
    ) {
        thread_local! {
            static VALIDATORS: [Rc<jsonschema::Validator>; 2] =
                ["CreateAdjustment", "UpdateInventory"].map(|name| Document::read().validator_of(name));
        }
        let is_documented = |n: usize, body: &str| serde_json::from_str::<Value>(body)
            .is_ok_and(|value| VALIDATORS.with(|validators| validators[n].is_valid(&value)));
        let is_accepted = adjustment_body::parse(&adjustment).is_ok();
        prop_assert_eq!(is_accepted, is_documented(0, &adjustment), "{}", adjustment);
        let is_accepted = reorder_point_body::parse(&reorder_point).is_ok();
        prop_assert_eq!(is_accepted, is_documented(1, &reorder_point), "{}", reorder_point);
    }
}

prop_compose! {
    /// Generates a body of `PUT /customers/{customerId}` around the limits of its rules.
    fn customer()(
        email in values(&["\"a@b\"", "\"a@b@c\"", "\"a b@c\"", "\"a\""]),
        name in values(&["\"Alice\"", "\"\\u202e\"", "\" a\"", "\"\\ud800\""]),
        fields in proptest::sample::subsequence(vec!["customerId", "email", "name", "x"], 0..=4),
        complete in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if complete { vec!["customerId", "email", "name"] } else { fields };
        let value = |name_of: &str| match name_of {
            "customerId" => "\"001\"".to_owned(),
            "email" => email.to_owned(),
            _ => name.to_owned(),
        };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

prop_compose! {
    /// Generates a body of `PUT /products/{productId}` around the limits of its rules.
    fn product()(
        id in values(&["\"001\"", "\"a b\""]),
        name in values(&["\"Watch\"", "\"a\\nb\""]),
        price in values(&["0.01", "0", "0.001", "79.99", "79.990", "-0.01", "1000000000000.00", "1000000000000.01", "1E2"]),
        fields in proptest::sample::subsequence(vec!["productId", "name", "price", "x"], 0..=4),
        complete in prop::bool::weighted(0.8),
    ) -> String {
        let fields = if complete { vec!["productId", "name", "price"] } else { fields };
        let value = |name_of: &str| match name_of {
            "productId" => id.to_owned(),
            "price" => price.to_owned(),
            _ => name.to_owned(),
        };
        members(fields.into_iter().map(|name| (name, value(name))).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn schema_and_code_accept_the_same_customers_and_products(customer in customer(), product in product()) {
        thread_local! {
            static VALIDATORS: [Rc<jsonschema::Validator>; 2] =
                ["PutCustomer", "PutProduct"].map(|name| Document::read().validator_of(name));
        }
        // The document cannot state that the id equals the id in the path. `"1"` is another id.
        let is_documented = |n: usize, body: &str| serde_json::from_str::<Value>(body).is_ok_and(|value| {
            let differs = ["customerId", "productId"].iter().any(|name| value[*name] == "1");
            !differs && VALIDATORS.with(|validators| validators[n].is_valid(&value))
        });
        let is_accepted = customer_body::parse(&customer, &"001".parse().unwrap()).is_ok();
        prop_assert_eq!(is_accepted, is_documented(0, &customer), "{}", customer);
        let is_accepted = product_body::parse(&product, &"001".parse().unwrap()).is_ok();
        prop_assert_eq!(is_accepted, is_documented(1, &product), "{}", product);
    }
}
