//! The trace of a request, for the events that it causes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const VERSION: &str = "00";
/// Trace flags of a trace that is recorded.
const SAMPLED: &str = "01";
const TRACE_ID_DIGITS: usize = 32;
const PARENT_ID_DIGITS: usize = 16;
/// Digits of the time with which X-Ray's trace ids start.
const TIME_DIGITS: usize = 8;

/// A text that is not the `traceparent` of a recorded trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a traceparent of version 00 with the sampled flag")]
pub struct TraceParentError;

/// The `traceparent` of a trace that is recorded.
/// <https://www.w3.org/TR/trace-context/#traceparent-header>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace_id: String,
    parent_id: String,
}

impl TraceParent {
    /// Converts X-Ray's tracing header. Returns `None` unless X-Ray records the trace, so that a request
    /// without a trace stores and publishes nothing about it.
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
    #[must_use]
    pub fn from_xray(header: &str) -> Option<Self> {
        let field = |name: &str| {
            header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        if field("Sampled")? != "1" {
            return None;
        }
        let (time, random) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        format!("{VERSION}-{time}{random}-{}-{SAMPLED}", field("Parent")?).parse().ok()
    }

    /// Returns X-Ray's tracing header.
    #[must_use]
    pub fn to_xray(&self) -> String {
        let (time, random) = self.trace_id.split_at(TIME_DIGITS);
        format!("Root=1-{time}-{random};Parent={};Sampled=1", self.parent_id)
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let fields: Vec<_> = text.split('-').collect();
        match fields[..] {
            [VERSION, trace_id, parent_id, SAMPLED]
                if is_id(trace_id, TRACE_ID_DIGITS) && is_id(parent_id, PARENT_ID_DIGITS) =>
            {
                Ok(Self { trace_id: trace_id.to_owned(), parent_id: parent_id.to_owned() })
            }
            _ => Err(TraceParentError),
        }
    }
}

impl TryFrom<String> for TraceParent {
    type Error = TraceParentError;

    fn try_from(text: String) -> Result<Self, TraceParentError> {
        text.parse()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{}-{}-{SAMPLED}", self.trace_id, self.parent_id)
    }
}

impl From<TraceParent> for String {
    fn from(traceparent: TraceParent) -> Self {
        traceparent.to_string()
    }
}

/// Returns true for lowercase hexadecimal digits that are not all zero.
fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const XRAY: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    const W3C: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

    #[test]
    fn converts_the_header_of_a_recorded_trace_and_back() {
        let trace = TraceParent::from_xray(XRAY).unwrap();
        assert_eq!(trace.to_string(), W3C);
        assert_eq!(trace.to_xray(), XRAY);
        let lineage = format!("{XRAY};Lineage=1:a87bd80c:1");
        assert_eq!(TraceParent::from_xray(&lineage), Some(trace));
    }

    #[test]
    fn a_trace_that_is_not_recorded_or_not_valid_is_none() {
        for header in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            &XRAY.replace("Sampled=1", "Sampled=0"),
            &XRAY.replace("Sampled=1", "Sampled=?"),
            &XRAY.replace("Root=1", "Root=2"),
            &XRAY.replace("5759e988", "0"),
            &XRAY.replace("53995c3f42cd8ad8", "53995C3F42CD8AD8"),
        ] {
            assert_eq!(TraceParent::from_xray(header), None, "{header}");
        }
    }

    #[test]
    fn accepts_only_a_traceparent_with_the_sampled_flag() {
        assert_eq!(W3C.parse::<TraceParent>().unwrap().to_string(), W3C);
        for text in [
            String::new(),
            W3C.replace("-01", "-00"),
            W3C.replacen("00-", "01-", 1),
            format!("{W3C}-x"),
            W3C.replace("53995c3f42cd8ad8", "0000000000000000"),
            W3C.replace("5759e988bd862e3fe1be46a994272793", &"0".repeat(32)),
            W3C.to_uppercase(),
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(TraceParentError), "{text}");
        }
    }
}
