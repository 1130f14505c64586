//! Quotes: the price of an order request at the prices of the catalog.

use std::collections::BTreeMap;

use crate::ids::{CustomerId, ProductId};
use crate::money::Money;
use crate::order_line::LineItem;
use crate::order_request::OrderRequest;

/// The line items of an order request at catalog prices, and their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Line items, each with its price.
    pub items: Vec<LineItem>,
    /// Sum of all items.
    pub total_amount: Money,
}

/// The customer and products of a request that do not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownReferences {
    /// The customer, if unknown.
    pub customer: Option<CustomerId>,
    /// All unknown products, in the order of the request.
    pub products: Vec<ProductId>,
}

/// A request that cannot become an order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The customer or some products do not exist.
    #[error("the request refers to an unknown customer or product")]
    UnknownReferences(UnknownReferences),
    /// The client expects a total that differs from the computed one.
    #[error("expected total {expected} does not match the computed total {computed}")]
    TotalDiffers {
        /// Total that the client expects.
        expected: Money,
        /// Total at catalog prices.
        computed: Money,
    },
    /// The total is above [`Money::MAX`].
    #[error("total must be at most {}", Money::MAX)]
    TotalTooLarge,
}

impl Quote {
    /// Prices a request. `prices` holds the products that exist.
    ///
    /// # Errors
    /// [`QuoteError::UnknownReferences`] names the unknown customer and every
    /// unknown product; [`QuoteError::TotalDiffers`] if the client expects another
    /// total; [`QuoteError::TotalTooLarge`] above [`Money::MAX`].
    pub fn new(
        request: &OrderRequest,
        customer_exists: bool,
        prices: &BTreeMap<ProductId, Money>,
    ) -> Result<Self, QuoteError> {
        let mut unknown = UnknownReferences {
            customer: (!customer_exists).then(|| request.customer_id.clone()),
            products: Vec::new(),
        };
        let mut items = Vec::with_capacity(request.lines.as_slice().len());
        let mut total = Some(Money::ZERO);
        for line in &request.lines {
            let Some(&price) = prices.get(&line.product_id) else {
                unknown.products.push(line.product_id.clone());
                continue;
            };
            let amount = price.checked_mul(line.quantity.get());
            total = total.and_then(|sum| sum.checked_add(amount?));
            items.push(LineItem { line: line.clone(), unit_price: Some(price) });
        }
        if unknown != UnknownReferences::default() {
            return Err(QuoteError::UnknownReferences(unknown));
        }
        let total_amount = total.ok_or(QuoteError::TotalTooLarge)?;
        match request.expected_total {
            Some(expected) if expected != total_amount => {
                Err(QuoteError::TotalDiffers { expected, computed: total_amount })
            }
            _ => Ok(Self { items, total_amount }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_line::{OrderLine, OrderLines, Quantity};

    fn request(lines: &[(&str, u32)], expected_total: Option<&str>) -> OrderRequest {
        let line = |(product, quantity): &(&str, u32)| OrderLine {
            product_id: product.parse().unwrap(),
            quantity: Quantity::new(*quantity).unwrap(),
        };
        OrderRequest {
            customer_id: "x".parse().unwrap(),
            lines: OrderLines::merge(lines.iter().map(line)).unwrap(),
            expected_total: expected_total.map(|total| total.parse().unwrap()),
        }
    }

    fn prices() -> BTreeMap<ProductId, Money> {
        [("001", "79.99"), ("002", "199.99"), ("gold", "1000000000")]
            .map(|(id, price)| (id.parse().unwrap(), price.parse().unwrap()))
            .into()
    }

    #[test]
    fn takes_prices_from_the_catalog() {
        let quote = Quote::new(&request(&[("001", 1), ("002", 1)], None), true, &prices()).unwrap();
        assert_eq!(quote.total_amount.to_string(), "279.98");
        assert_eq!(quote.items[1].unit_price, Some("199.99".parse().unwrap()));
    }

    #[test]
    fn names_every_unknown_customer_and_product() {
        let error = Quote::new(&request(&[("y", 1), ("001", 1), ("z", 1)], None), false, &prices());
        let unknown = UnknownReferences {
            customer: Some("x".parse().unwrap()),
            products: ["y", "z"].map(|id| id.parse().unwrap()).to_vec(),
        };
        assert_eq!(error, Err(QuoteError::UnknownReferences(unknown)));
    }

    #[test]
    fn rejects_an_expected_total_that_differs() {
        let quote = |total: &str| {
            Quote::new(&request(&[("001", 2)], Some(total)), true, &prices())
                .map(|quote| quote.total_amount.to_string())
        };
        assert_eq!(quote("159.98"), Ok("159.98".to_owned()));
        let (expected, computed) = ("159.97".parse().unwrap(), "159.98".parse().unwrap());
        assert_eq!(quote("159.97"), Err(QuoteError::TotalDiffers { expected, computed }));
    }

    #[test]
    fn rejects_a_total_above_the_maximum() {
        let request = request(&[("gold", 1000), ("001", 1)], None);
        assert_eq!(Quote::new(&request, true, &prices()), Err(QuoteError::TotalTooLarge));
    }
}
