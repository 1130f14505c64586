//! The changes that the page can make, through the API of the stack.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{OrderId, ProductId};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::api_client::{ApiClient, ApiRequest};

/// Shipment that the page reports.
const CARRIER: &str = "Console Express";

/// A client of the API, for a stack that may be changed.
#[derive(Debug, Clone)]
pub(super) struct Actions {
    client: ApiClient,
}

/// An order to place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewOrder {
    customer: String,
    product: String,
    quantity: u32,
}

/// Units to add to the stock of a product.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Restock {
    units: u32,
}

impl Actions {
    pub(super) const fn new(client: ApiClient) -> Self {
        Self { client }
    }

    async fn post(&self, request: ApiRequest) -> Response {
        match self.client.post(&request).await {
            Ok((status, body)) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                (status, Json(body)).into_response()
            }
            Err(reason) => (StatusCode::BAD_GATEWAY, Json(json!({"title": reason}))).into_response(),
        }
    }
}

/// Places an order.
pub(super) async fn place(State(actions): State<Option<Actions>>, Json(order): Json<NewOrder>) -> Response {
    let Some(actions) = actions else { return read_only() };
    let NewOrder { customer, product, quantity } = order;
    actions.post(ApiRequest::place_order(&customer, &product, quantity, new_key())).await
}

/// Cancels, ships or delivers an order.
pub(super) async fn change(
    State(actions): State<Option<Actions>>,
    Path((order, action)): Path<(String, String)>,
) -> Response {
    let Some(actions) = actions else { return read_only() };
    // Only an id is a segment of a path.
    let Ok(order) = order.parse::<OrderId>() else { return StatusCode::NOT_FOUND.into_response() };
    let request = match action.as_str() {
        "cancel" => ApiRequest::cancel(&order, new_key()),
        "ship" => ApiRequest::ship(&order, CARRIER, order.as_str(), new_key()),
        "deliver" => ApiRequest::deliver(&order, new_key()),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    actions.post(request).await
}

/// Adds units to the stock of a product.
pub(super) async fn restock(
    State(actions): State<Option<Actions>>,
    Path(product): Path<String>,
    Json(restock): Json<Restock>,
) -> Response {
    let Some(actions) = actions else { return read_only() };
    let Ok(product) = product.parse::<ProductId>() else { return StatusCode::NOT_FOUND.into_response() };
    actions.post(ApiRequest::restock(&product, restock.units, new_key())).await
}

fn new_key() -> String {
    Uuid::now_v7().to_string()
}

fn read_only() -> Response {
    let problem = json!({"title": "the stack is shown read-only; start the console with --write"});
    (StatusCode::FORBIDDEN, Json(problem)).into_response()
}
