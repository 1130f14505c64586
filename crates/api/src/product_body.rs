//! The body of `PUT /products/{productId}`.

use domain::{Money, Product, ProductId};

use crate::json_reader::{self, BodyError, JsonReader, unknown_field};
use crate::violation::{Rule, Violation};

/// Parses a body such as `{"name":"Smartwatch","price":199.99}`. It may repeat the
/// `productId` of the path.
///
/// # Errors
/// [`BodyError`], with all violations.
pub fn parse(body: &str, id: &ProductId) -> Result<Product, BodyError> {
    json_reader::parse(body, |document, violations| read_product(document, id, violations))
}

fn read_product(
    document: &JsonReader<'_>,
    id: &ProductId,
    violations: &mut Vec<Violation>,
) -> Option<Product> {
    let fields = ["productId", "name", "price"];
    let [repeated_id, name, price] = document.object(fields, unknown_field, violations)?;
    // Every field is read before the first `?`, so that all violations are reported.
    if let Some(value) = repeated_id {
        value.require_id(id, violations);
    }
    let name = document.require("name", name, violations).and_then(|v| v.short_text(violations));
    let price = document.require("price", price, violations).and_then(|v| read_price(&v, violations));
    Some(Product { id: id.clone(), name: name?.into(), price: price? })
}

fn read_price(value: &JsonReader<'_>, violations: &mut Vec<Violation>) -> Option<Money> {
    let price = value.money(violations)?;
    if price < Product::MIN_PRICE {
        value.reject(Rule::BelowMinimum, format!("must be at least {}", Product::MIN_PRICE), violations);
        return None;
    }
    Some(price)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WATCH: &str = r#"{"name":"Smartwatch","price":199.99}"#;

    fn parse_002(body: &str) -> Result<Product, BodyError> {
        parse(body, &"002".parse().unwrap())
    }

    fn violations(body: &str) -> Vec<(String, Rule)> {
        match parse_002(body) {
            Err(BodyError::Invalid(violations)) => {
                violations.into_iter().map(|violation| (violation.pointer, violation.rule)).collect()
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn parses_a_product_with_or_without_its_id() {
        let price = "199.99".parse().unwrap();
        let expected = Product { id: "002".parse().unwrap(), name: "Smartwatch".to_owned(), price };
        for body in [
            WATCH.to_owned(),
            WATCH.replacen('{', r#"{"productId":"002","#, 1),
            WATCH.replacen('{', r#"{"productId":null,"#, 1),
        ] {
            assert_eq!(parse_002(&body).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn a_price_is_positive_and_exact() {
        let with_price = |price: &str| WATCH.replace("199.99", price);
        for (price, stored) in
            [("0.01", "0.01"), ("1e-2", "0.01"), ("7", "7.00"), ("1e12", "1000000000000.00")]
        {
            assert_eq!(parse_002(&with_price(price)).unwrap().price.to_string(), stored);
        }
        for (price, rule) in [
            ("0", Rule::BelowMinimum),
            ("-0.0", Rule::BelowMinimum),
            ("-1", Rule::BelowMinimum),
            ("0.001", Rule::TooPrecise),
            ("1.005", Rule::TooPrecise),
            ("1000000000000.01", Rule::AboveMaximum),
            ("1e13", Rule::AboveMaximum),
            ("\"1\"", Rule::Type),
            ("null", Rule::Required),
        ] {
            assert_eq!(violations(&with_price(price)), [("#/price".to_owned(), rule)], "{price}");
        }
    }

    #[test]
    fn reports_each_broken_rule() {
        let with = |member: &str| WATCH.replacen('{', &format!("{{{member},"), 1);
        for (body, pointer, rule) in [
            ("7".to_owned(), "#", Rule::Type),
            (r#"{"price":1}"#.to_owned(), "#/name", Rule::Required),
            (r#"{"name":"Smartwatch"}"#.to_owned(), "#/price", Rule::Required),
            (WATCH.replace("\"Smartwatch\"", "\" \""), "#/name", Rule::Format),
            (WATCH.replace("\"Smartwatch\"", "[]"), "#/name", Rule::Type),
            (with(r#""productId":"001""#), "#/productId", Rule::IdDiffers),
            (with(r#""productId":"""#), "#/productId", Rule::Format),
            (with(r#""stock":1"#), "#/stock", Rule::UnknownField),
            (with(r#""price":1"#), "#/price", Rule::DuplicateField),
        ] {
            assert_eq!(violations(&body), [(pointer.to_owned(), rule)], "{body}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(body in ".{0,200}") {
            let _ = parse_002(&body);
        }
    }
}
