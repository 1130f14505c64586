//! Parameters in the path of a request.

use api::{Problem, Request};
use domain::ProductId;

/// Returns the product id in the path. The key of a ledger entry is not a product id.
pub(crate) fn product_id(request: &Request) -> Result<ProductId, Problem> {
    request.path_parameter("productId").ok_or_else(|| Problem::not_found("product in stock"))
}
