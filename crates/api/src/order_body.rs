//! The body of `POST /order`.

use domain::order_line::OrderLinesError;
use domain::{OrderLine, OrderLines, OrderRequest, Quantity};

use crate::json_reader::{self, BodyError, JsonReader, unknown_field};
use crate::violation::{Rule, Violation};

/// Parses a body such as
/// `{"customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":79.99}`,
/// where `totalAmount` is optional. Lines of the same product are merged.
///
/// # Errors
/// [`BodyError`], with all violations.
pub fn parse(body: &str) -> Result<OrderRequest, BodyError> {
    json_reader::parse(body, read_request)
}

fn read_request(document: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<OrderRequest> {
    let fields = ["customerId", "items", "totalAmount"];
    let [customer, items, total] = document.object(fields, unknown_field, violations)?;
    // Every field is read before the first `?`, so that all violations are reported.
    let customer_id = document.require("customerId", customer, violations).and_then(|v| v.id(violations));
    let lines = document.require("items", items, violations).and_then(|v| read_lines(&v, violations));
    let expected_total = total.and_then(|value| value.money(violations));
    Some(OrderRequest { customer_id: customer_id?, lines: lines?, expected_total })
}

fn read_lines(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<OrderLines> {
    let elements = value.array(violations)?;
    let lines: Vec<_> = elements.iter().map(|element| read_line(element, violations)).collect();
    let lines = lines.into_iter().collect::<Option<Vec<_>>>()?;
    let merged = OrderLines::merge(lines);
    if let Err(error) = &merged {
        let rule = match error {
            OrderLinesError::Empty => Rule::Empty,
            OrderLinesError::TooMany => Rule::TooMany,
            OrderLinesError::TooManyUnits(_) => Rule::AboveMaximum,
        };
        value.reject(rule, error.to_string(), violations);
    }
    merged.ok()
}

fn read_line(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<OrderLine> {
    let [product, quantity] = value.object(["productId", "quantity"], unknown_item_field, violations)?;
    let product_id = value.require("productId", product, violations).and_then(|v| v.id(violations));
    let quantity =
        value.require("quantity", quantity, violations).and_then(|v| read_quantity(&v, violations));
    Some(OrderLine { product_id: product_id?, quantity: quantity? })
}

fn unknown_item_field(name: &str) -> (Rule, &'static str) {
    match name {
        "price" | "unitPrice" => (Rule::PriceNotAccepted, "prices come from the catalog; remove this field"),
        _ => unknown_field(name),
    }
}

fn read_quantity(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<Quantity> {
    let quantity = parse_quantity(value.whole_number(violations)?);
    if let Err((rule, detail)) = &quantity {
        value.reject(*rule, detail.clone(), violations);
    }
    quantity.ok()
}

fn parse_quantity(text: &str) -> Result<Quantity, (Rule, String)> {
    if text.starts_with('-') || text == "0" {
        return Err((Rule::BelowMinimum, format!("must be at least {}", Quantity::MIN)));
    }
    // The text is a positive whole number of any length.
    let quantity = text.parse().ok().and_then(|units| Quantity::new(units).ok());
    quantity.ok_or_else(|| (Rule::AboveMaximum, format!("must be at most {}", Quantity::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn violations(body: &str) -> Vec<(String, Rule)> {
        match parse(body) {
            Err(BodyError::Invalid(violations)) => {
                violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    fn with_items(items: &str) -> String {
        format!(r#"{{"customerId":"001","items":{items}}}"#)
    }

    fn with_quantity(quantity: &str) -> String {
        with_items(&format!(r#"[{{"productId":"001","quantity":{quantity}}}]"#))
    }

    fn request(body: &str) -> OrderRequest {
        parse(body).unwrap()
    }

    #[test]
    fn parses_a_request_and_merges_its_lines() {
        let body = r#" {"items":[{"productId":"002","quantity":1},{"quantity":2,"productId":"001"},
            {"productId":"002","quantity":3}], "totalAmount": 959.94, "customerId":"001"} "#;
        let request = request(body);
        assert_eq!(request.customer_id.as_str(), "001");
        let lines: Vec<_> = request.lines.iter().map(|l| (l.product_id.as_str(), l.quantity.get())).collect();
        assert_eq!(lines, [("002", 4), ("001", 2)]);
        assert_eq!(request.expected_total, Some("959.94".parse().unwrap()));
    }

    #[test]
    fn treats_a_null_total_as_absent() {
        let body = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":null}"#;
        assert_eq!(request(body).expected_total, None);
    }

    #[test]
    fn reports_the_position_of_a_syntax_error() {
        for body in ["", "{", "{\"customerId\":}", "{} {}", "nul", "{\"a\":1,}", "\u{feff}{}"] {
            match parse(body) {
                Err(error @ BodyError::NotJson(_)) => {
                    assert!(error.to_string().contains("line 1 column"), "{error}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn reports_each_broken_rule() {
        let too_many: Vec<_> = (0..51).map(|n| format!(r#"{{"productId":"p{n}","quantity":1}}"#)).collect();
        for (body, pointer, rule) in [
            ("[]".into(), "#", Rule::Type),
            ("null".into(), "#", Rule::Type),
            (r#"{"items":[{"productId":"001","quantity":1}]}"#.into(), "#/customerId", Rule::Required),
            (r#"{"customerId":"001"}"#.into(), "#/items", Rule::Required),
            (r#"{"customerId":"001","items":null}"#.into(), "#/items", Rule::Required),
            (with_items("[]"), "#/items", Rule::Empty),
            (with_items("{}"), "#/items", Rule::Type),
            (with_items("[1]"), "#/items/0", Rule::Type),
            (with_items(r#"[{"quantity":1}]"#), "#/items/0/productId", Rule::Required),
            (with_items(r#"[{"productId":"001"}]"#), "#/items/0/quantity", Rule::Required),
            (with_items(r#"[{"productId":"a b","quantity":1}]"#), "#/items/0/productId", Rule::Format),
            (with_items(r#"[{"productId":"","quantity":1}]"#), "#/items/0/productId", Rule::Format),
            (with_items(r#"[{"productId":1,"quantity":1}]"#), "#/items/0/productId", Rule::Type),
            (with_items(r#"[{"productId":"\ud800","quantity":1}]"#), "#/items/0/productId", Rule::Type),
            (
                with_items(r#"[{"productId":"001","quantity":1,"price":1}]"#),
                "#/items/0/price",
                Rule::PriceNotAccepted,
            ),
            (
                with_items(r#"[{"productId":"001","quantity":1,"unitPrice":1}]"#),
                "#/items/0/unitPrice",
                Rule::PriceNotAccepted,
            ),
            (
                with_items(r#"[{"productId":"001","quantity":1,"size":1}]"#),
                "#/items/0/size",
                Rule::UnknownField,
            ),
            (
                with_items(r#"[{"productId":"001","quantity":1,"quantity":1}]"#),
                "#/items/0/quantity",
                Rule::DuplicateField,
            ),
            (with_items(&format!("[{}]", too_many.join(","))), "#/items", Rule::TooMany),
            (
                with_items(r#"[{"productId":"1","quantity":999},{"productId":"1","quantity":2}]"#),
                "#/items",
                Rule::AboveMaximum,
            ),
            (with_quantity("0"), "#/items/0/quantity", Rule::BelowMinimum),
            (with_quantity("-1"), "#/items/0/quantity", Rule::BelowMinimum),
            (with_quantity("-0"), "#/items/0/quantity", Rule::BelowMinimum),
            (with_quantity("1.5"), "#/items/0/quantity", Rule::NotWhole),
            (with_quantity("1.0"), "#/items/0/quantity", Rule::NotWhole),
            (with_quantity("1e2"), "#/items/0/quantity", Rule::NotWhole),
            (with_quantity("1001"), "#/items/0/quantity", Rule::AboveMaximum),
            (with_quantity("4294967297"), "#/items/0/quantity", Rule::AboveMaximum),
            (with_quantity("18446744073709551617"), "#/items/0/quantity", Rule::AboveMaximum),
            (with_quantity("\"1\""), "#/items/0/quantity", Rule::Type),
            (with_quantity("true"), "#/items/0/quantity", Rule::Type),
        ] {
            assert_eq!(violations(&body), [(pointer.to_owned(), rule)], "{body}");
        }
    }

    #[test]
    fn validates_the_expected_total() {
        for (total, rule) in [
            ("\"1\"", Rule::Type),
            ("-1", Rule::BelowMinimum),
            ("1.001", Rule::TooPrecise),
            ("1e99", Rule::AboveMaximum),
        ] {
            let body = format!(
                r#"{{"customerId":"001","items":[{{"productId":"001","quantity":1}}],"totalAmount":{total}}}"#
            );
            assert_eq!(violations(&body), [("#/totalAmount".to_owned(), rule)], "{total}");
        }
    }

    #[test]
    fn reports_all_violations_at_once() {
        let body = r#"{"customerId":"","orderId":"1","items":[{"productId":"001","quantity":0},7],"totalAmount":-1}"#;
        let found = violations(body);
        let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["#/orderId", "#/customerId", "#/items/0/quantity", "#/items/1", "#/totalAmount"]
        );
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(body in ".{0,200}") {
            let _ = parse(&body);
        }

        #[test]
        fn never_panics_on_any_json(
            body in r#"\{("(customerId|items|x)":("[a-z]*"|[-0-9.e]{1,9}|null|\[\{"(productId|quantity)":[0-9]{1,20}\}\]),?){0,4}\}"#
        ) {
            let _ = parse(&body);
        }
    }
}
