//! Properties of the bodies of adjustments, reorder points and shipments.

use api::{BodyError, adjustment_body, reorder_point_body, shipment_body};
use domain::{IdempotencyKey, ProductId, StockAdjustment, StockLevel, Timestamp};
use serde_json::json;

/// Reads a body of `POST /inventory/{productId}/adjustments`. A valid body round-trips, and so does
/// its entry in the ledger.
pub(crate) fn adjustment(body: &str) -> Result<(), BodyError> {
    let request = adjustment_body::parse(body)?;
    let note = request.note.as_ref().map(|note| note.as_str());
    let written = json!({"delta": request.delta.get(), "reason": request.reason, "note": note}).to_string();
    assert_eq!(adjustment_body::parse(&written).expect("a written request is valid"), request);

    let (product, key): (ProductId, IdempotencyKey) =
        ("001".parse().expect("an id"), "k".parse().expect("a key"));
    let adjustment = StockAdjustment {
        id: domain::AdjustmentId::from_idempotency_key(&product, &key),
        product_id: product,
        delta: request.delta,
        reason: request.reason,
        note: request.note,
        receipt_id: None,
        created_at: Timestamp::MAX,
    };
    let item = dynamodb::encode_adjustment(&adjustment);
    assert_eq!(dynamodb::decode_adjustment(&item).as_ref(), Ok(&adjustment));
    Ok(())
}

/// Reads a body of `PATCH /inventory/{productId}`. A valid body round-trips.
pub(crate) fn reorder_point(body: &str) -> Result<(), BodyError> {
    let point = reorder_point_body::parse(body)?;
    assert!(point.is_none_or(|point| (1..=StockLevel::MAX_REORDER_POINT).contains(&point)));
    let written = json!({"reorderPoint": point.unwrap_or_default()}).to_string();
    assert_eq!(reorder_point_body::parse(&written).expect("a written request is valid"), point);
    Ok(())
}

/// Reads a body of `POST /order/{orderId}/ship`. A valid body round-trips, and a repeated one asks for
/// nothing new.
pub(crate) fn shipment(body: &str) -> Result<(), BodyError> {
    let shipment = shipment_body::parse(body)?;
    let written = serde_json::to_string(&shipment).expect("JSON");
    let again = shipment_body::parse(&written).expect("a written request is valid");
    assert_eq!(again, shipment);
    assert!(shipment.covers(&again));
    Ok(())
}
