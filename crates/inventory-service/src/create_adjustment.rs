//! `POST /inventory/{productId}/adjustments`: one transaction.

use api::adjustment_body::{self, AdjustmentRequest};
use api::stock_documents::AdjustmentDocument;
use api::{Problem, ProblemKind, Request, Response, idempotency_key, validation};
use domain::{AdjustmentId, IdempotencyKey, ProductId, StockAdjustment};
use lambda::clock::now;
use lambda::{Metric, Metrics};

use crate::adjust_stock::{AdjustmentEffect, adjust};
use crate::path_parameters::product_id;
use crate::store::Store;

/// Applies the adjustment in the body, or returns the first response to a retry.
pub(crate) async fn create_adjustment(
    store: &Store,
    metrics: &Metrics,
    request: &Request,
) -> Result<Response, Problem> {
    let product = product_id(request)?;
    let (body, key) = parse_request(request)?;
    let adjustment = adjustment(product, &key, body);
    match adjust(store, &adjustment).await? {
        AdjustmentEffect::Applied => {
            metrics.count(Metric::StockAdjustments);
            tracing::info!(
                productId = %adjustment.product_id,
                adjustmentId = %adjustment.id,
                delta = adjustment.delta.get(),
                reason = adjustment.reason.as_str(),
                "stock adjusted"
            );
            Ok(created(request, &adjustment))
        }
        AdjustmentEffect::AlreadyRecorded(recorded) if adjustment.repeats(&recorded) => {
            Ok(created(request, &recorded))
        }
        AdjustmentEffect::AlreadyRecorded(_) => Err(idempotency_key::reused()),
        AdjustmentEffect::InsufficientStock => Err(insufficient_stock(&adjustment)),
        AdjustmentEffect::UnknownProduct => Err(Problem::not_found("product")),
    }
}

/// Parses body and idempotency key, and reports the violations of both together.
fn parse_request(request: &Request) -> Result<(AdjustmentRequest, IdempotencyKey), Problem> {
    let body = adjustment_body::parse(&request.json_body()?);
    validation::combine(body, idempotency_key::required(request))
}

fn adjustment(product_id: ProductId, key: &IdempotencyKey, body: AdjustmentRequest) -> StockAdjustment {
    StockAdjustment {
        id: AdjustmentId::from_idempotency_key(&product_id, key),
        product_id,
        delta: body.delta,
        reason: body.reason,
        note: body.note,
        receipt_id: None,
        created_at: now(),
    }
}

fn created(request: &Request, adjustment: &StockAdjustment) -> Response {
    let location = format!("{}/{}", request.path.trim_end_matches('/'), adjustment.id);
    Response::created(&location, &AdjustmentDocument::from(adjustment))
}

fn insufficient_stock(adjustment: &StockAdjustment) -> Problem {
    let units = adjustment.delta.removed_units().unwrap_or_default();
    let detail = format!("fewer than {units} units of product {} are on hand", adjustment.product_id);
    Problem::new(ProblemKind::InsufficientStock, detail)
}
