//! Properties of the body of `POST /order`.

use std::collections::BTreeMap;

use api::{BodyError, order_body};
use domain::{Money, OrderRequest, ProductId, Quote, QuoteError};
use serde_json::json;

/// Reads a body. A valid body round-trips, and its total is exact.
pub(crate) fn check(body: &str) -> Result<(), BodyError> {
    let request = order_body::parse(body)?;
    let again = order_body::parse(&to_body(&request)).expect("a written request is valid");
    assert_eq!((&again, again.hash()), (&request, request.hash()));
    assert_total_is_exact(&request);
    Ok(())
}

fn to_body(request: &OrderRequest) -> String {
    let mut body = json!({"customerId": request.customer_id, "items": request.lines});
    if let Some(total) = request.expected_total {
        body["totalAmount"] = "TOTAL".into();
        return body.to_string().replace("\"TOTAL\"", &total.to_string());
    }
    body.to_string()
}

/// Asserts that the total equals a sum in 128 bits. The prices are derived from the product ids.
fn assert_total_is_exact(request: &OrderRequest) {
    let maximum = minor_units(Money::MAX);
    let price = |product: &ProductId| {
        let digits =
            product.as_str().bytes().fold(1_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        u128::from(digits) % (maximum + 1)
    };
    let mut prices = BTreeMap::new();
    let mut sum = 0;
    for line in &request.lines {
        let price = price(&line.product_id);
        prices.insert(
            line.product_id.clone(),
            Money::from_minor_units(price.try_into().expect("64 bits")).expect("a price"),
        );
        sum += price * u128::from(line.quantity.get());
    }
    match Quote::new(request, true, &prices) {
        Ok(quote) => assert_eq!(minor_units(quote.total_amount), sum),
        Err(QuoteError::TotalDiffers { expected, computed }) => {
            assert_eq!(minor_units(computed), sum);
            assert_eq!(Some(expected), request.expected_total);
        }
        Err(QuoteError::TotalTooLarge) => assert!(sum > maximum),
        Err(QuoteError::UnknownReferences(unknown)) => panic!("{unknown:?}"),
    }
}

fn minor_units(amount: Money) -> u128 {
    amount.to_string().replace('.', "").parse().expect("digits")
}
