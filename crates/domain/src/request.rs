//! A client's request to place an order, and what it comes to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::ids::{CustomerId, InvalidId, ProductId};
use crate::json::Reader;
use crate::lines::{InvalidLines, Line, Lines, Quantity};
use crate::money::{InvalidMoney, Money};
use crate::order::LineItem;
use crate::violation::{Rule, Violation};

/// Body of `POST /order`, checked as far as it can be without looking anything up:
/// `{"customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":79.99}`,
/// where `totalAmount` is optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Who orders.
    pub customer_id: CustomerId,
    /// What is ordered; the lines of one product are merged.
    pub lines: Lines,
    /// What the client believes that it costs.
    pub stated_total: Option<Money>,
}

/// Why a body is not a request for an order.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The body is not JSON (RFC 8259).
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// Some fields break some rules: all that were found.
    #[error("the request breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
}

impl PlaceOrder {
    /// Reads a body.
    ///
    /// # Errors
    /// [`RequestError`], with all faults at once.
    pub fn parse(body: &str) -> Result<Self, RequestError> {
        let document = Reader::document(body).map_err(RequestError::NotJson)?;
        let mut faults = Vec::new();
        let request = read_request(&document, &mut faults);
        match request {
            Some(request) if faults.is_empty() => Ok(request),
            _ => Err(RequestError::Invalid(faults)),
        }
    }

    /// The fingerprint of what the client asked for; prices have no part in it.
    #[must_use]
    pub fn hash(&self) -> RequestHash {
        // No identifier has a space or a line break, so no two requests share a text.
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by(|one, other| one.product_id.cmp(&other.product_id));
        let mut text = format!("{}\n", self.customer_id);
        for line in lines {
            text.push_str(&format!("{} {}\n", line.product_id, line.quantity));
        }
        if let Some(total) = self.stated_total {
            text.push_str(&format!("{total}"));
        }
        RequestHash(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What the order costs at the catalogue's prices.
    ///
    /// # Errors
    /// [`QuoteError::Unknown`] names every customer and product that is not known;
    /// [`QuoteError::TotalDiffers`] if the client stated another total.
    pub fn quote(
        &self,
        customer_is_known: bool,
        prices: &BTreeMap<ProductId, Money>,
    ) -> Result<Quote, QuoteError> {
        let mut faults = Vec::new();
        if !customer_is_known {
            let detail = format!("there is no customer {}", self.customer_id);
            faults.push(Violation::new("#/customerId", Rule::UnknownCustomer, detail));
        }
        let items = self.price_lines(prices, &mut faults);
        if !faults.is_empty() {
            return Err(QuoteError::Unknown(faults));
        }
        let total_amount = total(&items).ok_or(QuoteError::TooMuch)?;
        match self.stated_total {
            Some(stated) if stated != total_amount => {
                Err(QuoteError::TotalDiffers { stated, computed: total_amount })
            }
            _ => Ok(Quote { items, total_amount }),
        }
    }

    fn price_lines(&self, prices: &BTreeMap<ProductId, Money>, faults: &mut Vec<Violation>) -> Vec<LineItem> {
        let mut items = Vec::with_capacity(self.lines.as_slice().len());
        for line in &self.lines {
            let unit_price = prices.get(&line.product_id).copied();
            if unit_price.is_none() {
                let detail = format!("there is no product {}", line.product_id);
                faults.push(Violation::new("#/items", Rule::UnknownProduct, detail));
            }
            items.push(LineItem { line: line.clone(), unit_price });
        }
        items
    }
}

fn total(items: &[LineItem]) -> Option<Money> {
    let zero = Money::from_hundredths(0).ok()?;
    items.iter().try_fold(zero, |sum, item| sum.plus(item.unit_price?.times(item.line.quantity)?))
}

/// SHA-256 of a request for an order, in hexadecimal: tells a retry from
/// another request under the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHash(String);

impl RequestHash {
    /// A hash as it was stored.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An order's line items at the catalogue's prices, and their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The line items, each with its price.
    pub items: Vec<LineItem>,
    /// What they come to.
    pub total_amount: Money,
}

/// Why a request cannot become an order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The request names a customer or products that do not exist.
    #[error("the request names what does not exist")]
    Unknown(Vec<Violation>),
    /// The client expects another total than the catalogue's prices come to.
    #[error("the stated total {stated} differs from the computed {computed}")]
    TotalDiffers {
        /// What the client stated.
        stated: Money,
        /// What the catalogue's prices come to.
        computed: Money,
    },
    /// The total is above [`Money::MAX`].
    #[error("the total is above {}", Money::MAX)]
    TooMuch,
}

pub(crate) fn unknown_field(_: &str) -> (Rule, &'static str) {
    (Rule::UnknownField, "is not a field of this request")
}

fn unknown_item_field(name: &str) -> (Rule, &'static str) {
    match name {
        "price" | "unitPrice" => {
            (Rule::PriceNotAccepted, "prices come from the catalogue: leave the field out")
        }
        _ => unknown_field(name),
    }
}

fn read_request(document: &Reader<'_>, faults: &mut Vec<Violation>) -> Option<PlaceOrder> {
    let fields = ["customerId", "items", "totalAmount"];
    let [customer, items, total] = document.object(fields, unknown_field, faults)?;
    // All three are read before the first `?`, so that no fault hides another.
    let customer_id = required(document, "customerId", customer, faults).and_then(|v| read_id(&v, faults));
    let lines = required(document, "items", items, faults).and_then(|v| read_lines(&v, faults));
    let stated_total = total.and_then(|value| read_money(&value, faults));
    Some(PlaceOrder { customer_id: customer_id?, lines: lines?, stated_total })
}

pub(crate) fn required<'a>(
    parent: &Reader<'_>,
    name: &str,
    value: Option<Reader<'a>>,
    faults: &mut Vec<Violation>,
) -> Option<Reader<'a>> {
    if value.is_none() {
        let pointer = format!("{}/{name}", parent.pointer);
        faults.push(Violation::new(pointer, Rule::Required, "is required"));
    }
    value
}

pub(crate) fn read_id<T: TryFrom<String, Error = InvalidId>>(
    value: &Reader<'_>,
    faults: &mut Vec<Violation>,
) -> Option<T> {
    let id = T::try_from(value.string(faults)?);
    if let Err(error) = &id {
        value.fault(Rule::Format, error.to_string(), faults);
    }
    id.ok()
}

fn read_money(value: &Reader<'_>, faults: &mut Vec<Violation>) -> Option<Money> {
    let amount = value.number(faults)?.parse::<Money>();
    if let Err(error) = &amount {
        let rule = match error {
            InvalidMoney::NotANumber => Rule::Type,
            InvalidMoney::Negative => Rule::BelowMinimum,
            InvalidMoney::TooPrecise => Rule::TooPrecise,
            InvalidMoney::TooLarge => Rule::AboveMaximum,
        };
        value.fault(rule, error.to_string(), faults);
    }
    amount.ok()
}

fn read_lines(value: &Reader<'_>, faults: &mut Vec<Violation>) -> Option<Lines> {
    let elements = value.array(faults)?;
    let lines: Vec<_> = elements.iter().map(|element| read_line(element, faults)).collect();
    let lines = lines.into_iter().collect::<Option<Vec<_>>>()?;
    let merged = Lines::merge(lines);
    if let Err(error) = &merged {
        let rule = match error {
            InvalidLines::Empty => Rule::Empty,
            InvalidLines::TooMany => Rule::TooMany,
            InvalidLines::TooManyPieces(_) => Rule::AboveMaximum,
        };
        value.fault(rule, error.to_string(), faults);
    }
    merged.ok()
}

fn read_line(value: &Reader<'_>, faults: &mut Vec<Violation>) -> Option<Line> {
    let [product, quantity] = value.object(["productId", "quantity"], unknown_item_field, faults)?;
    let product_id = required(value, "productId", product, faults).and_then(|v| read_id(&v, faults));
    let quantity = required(value, "quantity", quantity, faults).and_then(|v| read_quantity(&v, faults));
    Some(Line { product_id: product_id?, quantity: quantity? })
}

fn read_quantity(value: &Reader<'_>, faults: &mut Vec<Violation>) -> Option<Quantity> {
    let text = value.number(faults)?;
    let quantity = parse_quantity(text);
    if let Err((rule, detail)) = &quantity {
        value.fault(*rule, detail.clone(), faults);
    }
    quantity.ok()
}

fn parse_quantity(text: &str) -> Result<Quantity, (Rule, String)> {
    if text.contains(['.', 'e', 'E']) {
        return Err((Rule::NotWhole, "must be a whole number, written without fraction or exponent".into()));
    }
    let digits = text.strip_prefix('-');
    if digits.is_some() || text == "0" {
        return Err((Rule::BelowMinimum, format!("must be at least {}", Quantity::MIN)));
    }
    // What is left is a positive whole number, of any length.
    let quantity = text.parse().ok().and_then(|pieces| Quantity::new(pieces).ok());
    quantity.ok_or_else(|| (Rule::AboveMaximum, format!("must be at most {}", Quantity::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults(body: &str) -> Vec<(String, Rule)> {
        match PlaceOrder::parse(body) {
            Err(RequestError::Invalid(faults)) => {
                faults.into_iter().map(|fault| (fault.pointer, fault.rule)).collect()
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

    fn request(body: &str) -> PlaceOrder {
        PlaceOrder::parse(body).unwrap()
    }

    fn prices() -> BTreeMap<ProductId, Money> {
        [("001", "79.99"), ("002", "199.99"), ("gold", "1000000000")]
            .map(|(id, price)| (id.parse().unwrap(), price.parse().unwrap()))
            .into()
    }

    #[test]
    fn a_request_is_read_and_its_lines_are_merged() {
        let body = r#" {"items":[{"productId":"002","quantity":1},{"quantity":2,"productId":"001"},
            {"productId":"002","quantity":3}], "totalAmount": 959.94, "customerId":"001"} "#;
        let request = request(body);
        assert_eq!(request.customer_id.as_str(), "001");
        let lines: Vec<_> = request.lines.iter().map(|l| (l.product_id.as_str(), l.quantity.get())).collect();
        assert_eq!(lines, [("002", 4), ("001", 2)]);
        assert_eq!(request.stated_total, Some("959.94".parse().unwrap()));
    }

    #[test]
    fn a_total_that_is_null_is_not_stated() {
        let body = r#"{"customerId":"001","items":[{"productId":"001","quantity":1}],"totalAmount":null}"#;
        assert_eq!(request(body).stated_total, None);
    }

    #[test]
    fn what_is_not_json_says_where() {
        for body in ["", "{", "{\"customerId\":}", "{} {}", "nul", "{\"a\":1,}", "\u{feff}{}"] {
            match PlaceOrder::parse(body) {
                Err(error @ RequestError::NotJson(_)) => {
                    assert!(error.to_string().contains("line 1 column"), "{error}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_rule_has_its_own_answer() {
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
            assert_eq!(faults(&body), [(pointer.to_owned(), rule)], "{body}");
        }
    }

    #[test]
    fn a_stated_total_has_its_own_rules() {
        for (total, rule) in [
            ("\"1\"", Rule::Type),
            ("-1", Rule::BelowMinimum),
            ("1.001", Rule::TooPrecise),
            ("1e99", Rule::AboveMaximum),
        ] {
            let body = format!(
                r#"{{"customerId":"001","items":[{{"productId":"001","quantity":1}}],"totalAmount":{total}}}"#
            );
            assert_eq!(faults(&body), [("#/totalAmount".to_owned(), rule)], "{total}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let body = r#"{"customerId":"","orderId":"1","items":[{"productId":"001","quantity":0},7],"totalAmount":-1}"#;
        let found = faults(body);
        let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["#/orderId", "#/customerId", "#/items/0/quantity", "#/items/1", "#/totalAmount"]
        );
    }

    #[test]
    fn a_quote_takes_its_prices_from_the_catalogue() {
        let body = r#"{"customerId":"001","items":[{"productId":"001","quantity":1},{"productId":"002","quantity":1}]}"#;
        let quote = request(body).quote(true, &prices()).unwrap();
        assert_eq!(quote.total_amount.to_string(), "279.98");
        assert_eq!(quote.items[1].unit_price, Some("199.99".parse().unwrap()));
    }

    #[test]
    fn a_quote_names_all_that_is_unknown() {
        let body =
            r#"{"customerId":"x","items":[{"productId":"y","quantity":1},{"productId":"z","quantity":1}]}"#;
        let Err(QuoteError::Unknown(faults)) = request(body).quote(false, &prices()) else {
            panic!("all of it is unknown");
        };
        let rules: Vec<_> = faults.iter().map(|fault| fault.rule).collect();
        assert_eq!(rules, [Rule::UnknownCustomer, Rule::UnknownProduct, Rule::UnknownProduct]);
    }

    #[test]
    fn a_stated_total_must_be_the_computed_one() {
        let stated = |total: &str| {
            let body = format!(
                r#"{{"customerId":"1","items":[{{"productId":"001","quantity":2}}],"totalAmount":{total}}}"#
            );
            request(&body).quote(true, &prices()).map(|quote| quote.total_amount.to_string())
        };
        assert_eq!(stated("159.98"), Ok("159.98".to_owned()));
        assert_eq!(
            stated("159.97"),
            Err(QuoteError::TotalDiffers {
                stated: "159.97".parse().unwrap(),
                computed: "159.98".parse().unwrap()
            })
        );
    }

    #[test]
    fn a_total_beyond_all_measure_is_refused() {
        let body = r#"{"customerId":"1","items":[{"productId":"gold","quantity":1000},{"productId":"001","quantity":1}]}"#;
        assert_eq!(request(body).quote(true, &prices()), Err(QuoteError::TooMuch));
    }

    #[test]
    fn a_hash_tells_requests_apart_and_not_their_spelling() {
        let hash = |body: &str| request(body).hash();
        let first = hash(
            r#"{"customerId":"1","items":[{"productId":"a","quantity":1},{"productId":"b","quantity":2}]}"#,
        );
        let spelled_otherwise =
            r#"{"items":[{"quantity":2,"productId":"b"},{"productId":"a","quantity":1}],"customerId":"1"}"#;
        assert_eq!(hash(spelled_otherwise), first);
        assert_eq!(first.as_str().len(), 64);
        for other in [
            r#"{"customerId":"2","items":[{"productId":"a","quantity":1},{"productId":"b","quantity":2}]}"#,
            r#"{"customerId":"1","items":[{"productId":"a","quantity":2},{"productId":"b","quantity":1}]}"#,
            r#"{"customerId":"1","items":[{"productId":"a","quantity":1}]}"#,
            r#"{"customerId":"1","items":[{"productId":"a","quantity":1},{"productId":"b","quantity":2}],"totalAmount":1}"#,
        ] {
            assert_ne!(hash(other), first, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in ".{0,200}") {
            let _ = PlaceOrder::parse(&body);
        }

        #[test]
        fn no_json_makes_the_parser_panic(
            body in r#"\{("(customerId|items|x)":("[a-z]*"|[-0-9.e]{1,9}|null|\[\{"(productId|quantity)":[0-9]{1,20}\}\]),?){0,4}\}"#
        ) {
            let _ = PlaceOrder::parse(&body);
        }
    }
}
