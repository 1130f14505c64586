//! Responses about records that have a revision.

use api::{Problem, ProblemKind, Request, Response, precondition};
use domain::Revision;
use http::header::ETAG;
use serde::Serialize;

use crate::store::{DeleteOutcome, PutOutcome};

/// Returns the record, or 304 if the client already has this revision.
pub(crate) fn show(
    request: &Request,
    revision: &Revision,
    document: &impl Serialize,
) -> Result<Response, Problem> {
    let if_none_match =
        precondition::if_none_match(request).map_err(|violation| Problem::invalid(vec![violation]))?;
    let is_known = if_none_match.is_some_and(|revisions| revisions.contains(Some(revision)));
    let response = if is_known { Response::without_body(304) } else { Response::ok(document) };
    Ok(with_tag(response, revision))
}

/// Returns the record that a request has stored.
pub(crate) fn stored(outcome: PutOutcome, document: &impl Serialize) -> Result<Response, Problem> {
    match outcome {
        PutOutcome::Created(revision) => Ok(with_tag(Response::with_body(201, document), &revision)),
        PutOutcome::Replaced(revision) => Ok(with_tag(Response::ok(document), &revision)),
        PutOutcome::PreconditionFailed => Err(precondition_failed()),
    }
}

/// Returns the response to a deletion of a `resource`, such as `customer`.
pub(crate) fn deleted(outcome: DeleteOutcome, resource: &str) -> Result<Response, Problem> {
    match outcome {
        DeleteOutcome::Deleted => Ok(Response::without_body(204)),
        DeleteOutcome::NotFound => Err(Problem::not_found(resource)),
        DeleteOutcome::PreconditionFailed => Err(precondition_failed()),
    }
}

fn with_tag(response: Response, revision: &Revision) -> Response {
    response.with_header(ETAG, &precondition::entity_tag(revision))
}

fn precondition_failed() -> Problem {
    let detail = "the resource does not match If-Match or If-None-Match; read it and repeat the change";
    Problem::new(ProblemKind::PreconditionFailed, detail)
}
