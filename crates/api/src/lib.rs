//! The HTTP edge that both services share: requests and responses of API Gateway,
//! authorization, request bodies, paging, API documents and problem details.

pub mod adjustment_body;
pub mod authorization;
pub mod customer_body;
pub mod documents;
pub mod idempotency_key;
pub mod json_reader;
pub mod order_body;
pub mod page_token;
pub mod paging;
pub mod precondition;
pub mod problem;
pub mod product_body;
pub mod reorder_point_body;
pub mod request;
pub mod response;
pub mod shipment_body;
pub mod stock_documents;
pub mod validation;
pub mod violation;

pub use authorization::{AuthMode, Caller};
pub use json_reader::BodyError;
pub use problem::{Problem, ProblemKind};
pub use request::Request;
pub use response::Response;
pub use violation::{Rule, Violation};
