//! The headers `If-Match` and `If-None-Match`.

use api::Request;
use api::precondition::{self, MAX_TAGS};
use domain::{Precondition, RevisionSet};
use lambda::Trigger;
use serde_json::json;
use serde_json::value::to_raw_value;

/// Reads a text as both headers. Both accept the same texts, and a weak comparison matches whatever a
/// strong one does. The revisions of a valid header round-trip.
pub fn precondition(data: &[u8]) -> bool {
    let Some(request) = str::from_utf8(data).ok().and_then(request) else { return false };
    let Ok(parsed) = precondition::parse(&request) else { return false };
    let (strong, weak) = match &parsed {
        Precondition { if_match: Some(strong), if_none_match: Some(weak) } => (strong, weak),
        other => panic!("only one header was accepted: {other:?}"),
    };
    match (strong, weak) {
        (RevisionSet::Any, RevisionSet::Any) => {
            assert!(parsed.requires_absence() && !parsed.is_met(None));
        }
        (RevisionSet::OneOf(strong), RevisionSet::OneOf(weak)) => {
            assert!(weak.len() <= MAX_TAGS);
            // No record can match If-Match, which does not match If-None-Match.
            assert!(strong.iter().all(|revision| weak.contains(revision) && !parsed.is_met(Some(revision))));
            assert_round_trips(strong);
        }
        different => panic!("the headers differ: {different:?}"),
    }
    true
}

fn assert_round_trips(revisions: &[domain::Revision]) {
    let tags: Vec<_> = revisions.iter().map(precondition::entity_tag).collect();
    if tags.is_empty() {
        return;
    }
    let request = request(&tags.join(", ")).expect("tags are a valid header");
    let parsed = precondition::parse(&request).expect("written tags are valid");
    assert_eq!(parsed.if_match, Some(RevisionSet::OneOf(revisions.to_vec())));
}

/// Returns a request with both headers, or `None` if no header can have the text.
fn request(text: &str) -> Option<Box<Request>> {
    let headers = json!({"If-Match": text, "If-None-Match": text});
    let payload = json!({"httpMethod": "PUT", "headers": headers, "requestContext": {"httpMethod": "PUT"}});
    match Trigger::parse(&to_raw_value(&payload).expect("JSON")) {
        Ok(Trigger::Rest(request)) => Some(request),
        _ => None,
    }
}
