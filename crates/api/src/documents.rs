//! JSON documents of successful responses.

use domain::{
    Customer, CustomerId, LineItem, Money, Order, OrderId, Product, ProductId, ShortText, Shortage, Timestamp,
};
use serde::Serialize;

/// An order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderDocument<'a> {
    order_id: &'a OrderId,
    customer_id: &'a CustomerId,
    order_status: &'static str,
    items: Vec<LineItemDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_amount: Option<Money>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shortages: &'a [Shortage],
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a ShortText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a ShortText>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineItemDocument<'a> {
    product_id: &'a ProductId,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<Money>,
}

impl<'a> From<&'a Order> for OrderDocument<'a> {
    fn from(order: &'a Order) -> Self {
        Self {
            order_id: &order.id,
            customer_id: &order.customer_id,
            order_status: order.status.as_str(),
            items: order.items.iter().map(LineItemDocument::from).collect(),
            total_amount: order.total_amount,
            shortages: &order.shortages,
            carrier: order.shipment.carrier.as_ref(),
            tracking_number: order.shipment.tracking_number.as_ref(),
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

impl<'a> From<&'a LineItem> for LineItemDocument<'a> {
    fn from(item: &'a LineItem) -> Self {
        Self {
            product_id: &item.line.product_id,
            quantity: item.line.quantity.get(),
            unit_price: item.unit_price,
        }
    }
}

/// A page of orders.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderList<'a> {
    orders: Vec<OrderDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl<'a> OrderList<'a> {
    /// Creates a page. `next_token` continues the list, if it may have more entries.
    #[must_use]
    pub fn new(orders: &'a [Order], next_token: Option<String>) -> Self {
        Self { orders: orders.iter().map(OrderDocument::from).collect(), next_token }
    }
}

/// A customer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerDocument<'a> {
    customer_id: &'a CustomerId,
    email: &'a str,
    name: &'a str,
}

impl<'a> From<&'a Customer> for CustomerDocument<'a> {
    fn from(customer: &'a Customer) -> Self {
        Self { customer_id: &customer.id, email: &customer.email, name: &customer.name }
    }
}

/// A product of the catalog.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductDocument<'a> {
    product_id: &'a ProductId,
    name: &'a str,
    price: Money,
}

impl<'a> From<&'a Product> for ProductDocument<'a> {
    fn from(product: &'a Product) -> Self {
        Self { product_id: &product.id, name: &product.name, price: product.price }
    }
}

/// A page of the catalog.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductList<'a> {
    products: Vec<ProductDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl<'a> ProductList<'a> {
    /// Creates a page. `next_token` continues the list, if it may have more entries.
    #[must_use]
    pub fn new(products: &'a [Product], next_token: Option<String>) -> Self {
        Self { products: products.iter().map(ProductDocument::from).collect(), next_token }
    }
}

#[cfg(test)]
mod tests {
    use domain::{OrderLine, Quantity, Quote, Shipment};

    use super::*;

    fn order() -> Order {
        let item = |product: &str, price: &str| LineItem {
            line: OrderLine { product_id: product.parse().unwrap(), quantity: Quantity::new(1).unwrap() },
            unit_price: Some(price.parse().unwrap()),
        };
        let quote = Quote {
            items: vec![item("001", "79.99"), item("002", "199.99")],
            total_amount: "279.98".parse().unwrap(),
        };
        let created_at = "2025-01-01T00:00:00Z".parse().unwrap();
        Order::place("o1".parse().unwrap(), "001".parse().unwrap(), quote, created_at)
    }

    fn json(document: &impl Serialize) -> String {
        serde_json::to_string(document).unwrap()
    }

    #[test]
    fn an_order_omits_internal_and_unknown_fields() {
        assert_eq!(
            json(&OrderDocument::from(&order())),
            concat!(
                r#"{"orderId":"o1","customerId":"001","orderStatus":"Placed","items":["#,
                r#"{"productId":"001","quantity":1,"unitPrice":79.99},"#,
                r#"{"productId":"002","quantity":1,"unitPrice":199.99}],"totalAmount":279.98,"#,
                r#""createdAt":"2025-01-01T00:00:00.000Z","updatedAt":"2025-01-01T00:00:00.000Z"}"#
            )
        );
    }

    #[test]
    fn a_rejected_order_lists_its_shortages() {
        let shortage = Shortage {
            product_id: "001".parse().unwrap(),
            requested: Quantity::new(1).unwrap(),
            available: 0,
        };
        let order = Order { shortages: vec![shortage], ..order() };
        let document = json(&OrderDocument::from(&order));
        let shortages = r#""shortages":[{"productId":"001","requested":1,"available":0}]"#;
        assert!(document.contains(shortages), "{document}");
    }

    #[test]
    fn a_shipped_order_names_its_carrier() {
        let shipment = Shipment { carrier: Some("DHL".parse().unwrap()), tracking_number: None };
        let document = json(&OrderDocument::from(&Order { shipment, ..order() }));
        assert!(document.contains(r#""totalAmount":279.98,"carrier":"DHL","createdAt""#), "{document}");
        let shipment = Shipment { carrier: None, tracking_number: Some("42".parse().unwrap()) };
        let document = json(&OrderDocument::from(&Order { shipment, ..order() }));
        assert!(document.contains(r#""totalAmount":279.98,"trackingNumber":"42","createdAt""#), "{document}");
    }

    #[test]
    fn a_customer_has_the_documented_fields() {
        let (email, name) = ("alice@example.com".into(), "Alice".into());
        let customer = Customer { id: "001".parse().unwrap(), email, name };
        let document = r#"{"customerId":"001","email":"alice@example.com","name":"Alice"}"#;
        assert_eq!(json(&CustomerDocument::from(&customer)), document);
    }

    #[test]
    fn products_have_the_documented_fields() {
        let id: ProductId = "001".parse().unwrap();
        let product = Product { id, name: "Smartwatch".into(), price: "199.99".parse().unwrap() };
        let document = r#"{"productId":"001","name":"Smartwatch","price":199.99}"#;
        assert_eq!(json(&ProductDocument::from(&product)), document);
        let page = json(&ProductList::new(&[product], Some("t".into())));
        assert_eq!(page, format!(r#"{{"products":[{document}],"nextToken":"t"}}"#));
    }
}
