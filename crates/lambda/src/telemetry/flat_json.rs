//! Log lines as flat JSON objects.

use std::borrow::Cow;
use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::metrics::LogLines;

/// Capacity for a usual line in bytes.
const LINE_BYTES: usize = 512;

/// Start of the trace id in the fields of the runtime's span.
const TRACE_ID: &str = "\"xrayTraceId\":\"";
/// Part of the trace id of an invocation that X-Ray records.
const SAMPLED: &str = "Sampled=1";

/// Writes an event and the fields of its spans, innermost first, into one JSON object without
/// nesting. Each byte of a line has a price, so the line has no names of spans, the module
/// only for warnings and errors, and the trace id only if X-Ray records the trace. The line also has
/// the metrics that no line contains yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlatJson;

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = String::with_capacity(LINE_BYTES);
        line.push_str("{\"timestamp\":\"");
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        if *metadata.level() <= Level::WARN {
            line.push_str(",\"target\":\"");
            line.push_str(metadata.target());
            line.push('"');
        }
        let mut fields = String::with_capacity(LINE_BYTES);
        JsonFields::new().format_fields(Writer::new(&mut fields), event)?;
        push_members(&mut line, &fields);
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                push_members(&mut line, &without_unrecorded_trace(fields));
            }
        }
        if let Some(metrics) = LogLines::take_pending() {
            line.push(',');
            line.push_str(&metrics);
        }
        line.push('}');
        writeln!(writer, "{line}")
    }
}

/// Adds the members of a JSON object to an object that has some.
fn push_members(line: &mut String, object: &str) {
    let members = object.trim().strip_prefix('{').and_then(|members| members.strip_suffix('}'));
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        line.push(',');
        line.push_str(members);
    }
}

/// Removes the trace id of an invocation that X-Ray does not record.
fn without_unrecorded_trace(object: &str) -> Cow<'_, str> {
    let removed = || {
        let start = object.find(TRACE_ID)?;
        let (value, after) = object[start + TRACE_ID.len()..].split_once('"')?;
        if value.contains(SAMPLED) {
            return None;
        }
        let before = object[..start].trim_end_matches(',');
        let after = if before.ends_with('{') { after.trim_start_matches(',') } else { after };
        Some(format!("{before}{after}"))
    };
    removed().map_or(Cow::Borrowed(object), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_id_of_a_recorded_trace_only() {
        let recorded = r#"{"requestId":"r","xrayTraceId":"Root=1-a;Parent=b;Sampled=1"}"#;
        assert_eq!(without_unrecorded_trace(recorded), recorded);
        for (fields, expected) in [
            (r#"{"requestId":"r","xrayTraceId":"Root=1-a;Sampled=0"}"#, r#"{"requestId":"r"}"#),
            (r#"{"xrayTraceId":"Root=1-a","requestId":"r"}"#, r#"{"requestId":"r"}"#),
            (r#"{"a":1,"xrayTraceId":"","b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{"xrayTraceId":""}"#, "{}"),
            (r#"{"requestId":"r"}"#, r#"{"requestId":"r"}"#),
        ] {
            assert_eq!(without_unrecorded_trace(fields), expected);
        }
    }

    #[test]
    fn adds_members_to_an_object() {
        let mut line = r#"{"a":1"#.to_owned();
        for object in ["{}", r#"{"b":{"c":2}}"#, ""] {
            push_members(&mut line, object);
        }
        assert_eq!(line, r#"{"a":1,"b":{"c":2}"#);
    }
}
