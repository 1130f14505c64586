//! Properties of the bodies of customers and products.

use api::{BodyError, customer_body, product_body};
use domain::{Customer, CustomerId, Product, ProductId};
use serde_json::{Value, json};

/// Reads a body of `PUT /customers/{customerId}`. A valid body round-trips.
pub(crate) fn customer(body: &str) -> Result<(), BodyError> {
    let id: CustomerId = "001".parse().expect("an id");
    let customer = customer_body::parse(body, &id)?;
    let Customer { id, email, name } = &customer;
    let written = json!({"customerId": id, "email": email, "name": name}).to_string();
    assert_eq!(customer_body::parse(&written, id).expect("a written customer is valid"), customer);
    assert!(!format!("{customer:?}").contains(email.as_str()), "the debug form shows an address");
    Ok(())
}

/// Reads a body of `PUT /products/{productId}`. A valid body round-trips with its exact price.
pub(crate) fn product(body: &str) -> Result<(), BodyError> {
    let id: ProductId = "001".parse().expect("an id");
    let product = product_body::parse(body, &id)?;
    assert!(product.price >= Product::MIN_PRICE);
    let name = Value::from(product.name.as_str());
    let written = format!(r#"{{"productId":"001","name":{name},"price":{}}}"#, product.price);
    assert_eq!(product_body::parse(&written, &id).expect("a written product is valid"), product);
    Ok(())
}
