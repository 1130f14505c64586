//! POST /order as a typical Rust user writes it: aws-config, the AWS SDK and the Lambda runtime with
//! their default features, and one client that is created once. It sends the same DynamoDB requests
//! and returns the same responses as order-service.

mod catalog;
mod money;
mod order;
mod problem;
mod request;

use aws_config::BehaviorVersion;
use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_sdk_dynamodb::Client;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

use crate::problem::Problem;
use crate::request::{OrderRequest, header};

/// The client and the names of the tables.
struct Shop {
    client: Client,
    orders: String,
    customers: String,
    products: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let shop = Shop {
        client: Client::new(&config),
        orders: std::env::var("ORDERS_TABLE")?,
        customers: std::env::var("CUSTOMERS_TABLE")?,
        products: std::env::var("PRODUCTS_TABLE")?,
    };
    run(service_fn(|event: LambdaEvent<ApiGatewayProxyRequest>| handle(&shop, event.payload))).await
}

async fn handle(shop: &Shop, request: ApiGatewayProxyRequest) -> Result<ApiGatewayProxyResponse, Error> {
    let correlation_id = correlation_id(&request);
    let (status, body, location) = match place(shop, &request, &correlation_id).await {
        Ok(order) => {
            let path = request.request_context.path.as_deref().unwrap_or_default();
            let location = format!("{path}/{}", order["orderId"].as_str().unwrap_or_default());
            (201, order, Some(location))
        }
        Err(problem) => (problem.status, problem.document(), None),
    };
    tracing::info!(status, correlation_id, "request completed");
    Ok(respond(status, &body, location, &correlation_id))
}

async fn place(
    shop: &Shop,
    request: &ApiGatewayProxyRequest,
    correlation_id: &str,
) -> Result<Value, Problem> {
    let request = OrderRequest::parse(request)?;
    let prices = catalog::read_prices(shop, &request).await?;
    order::place(shop, &request, &prices, correlation_id).await
}

fn correlation_id(request: &ApiGatewayProxyRequest) -> String {
    let is_valid = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let sent = header(request, "x-correlation-id").filter(is_valid).map(str::to_owned);
    sent.or_else(|| request.request_context.request_id.clone()).unwrap_or_default()
}

fn respond(
    status: i64,
    body: &Value,
    location: Option<String>,
    correlation_id: &str,
) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    let content_type = if status == 201 { "application/json" } else { "application/problem+json" };
    let headers = [
        ("content-type", Some(content_type)),
        ("location", location.as_deref()),
        ("x-correlation-id", Some(correlation_id)),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            response.headers.insert(name, value);
        }
    }
    response.status_code = status;
    response.body = Some(body.to_string().into());
    response
}
