//! The headers `If-Match` and `If-None-Match`, and the entity tags of responses.
//! <https://www.rfc-editor.org/rfc/rfc9110#section-13>

use domain::{Precondition, Revision, RevisionSet};
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use crate::request::Request;
use crate::violation::{Rule, Violation};

/// Maximum number of entity tags in a header.
pub const MAX_TAGS: usize = 10;

/// Name of `If-Match` in violations.
const IF_MATCH_NAME: &str = "If-Match";
/// Name of `If-None-Match` in violations.
const IF_NONE_MATCH_NAME: &str = "If-None-Match";

/// Returns the entity tag of a revision.
#[must_use]
pub fn entity_tag(revision: &Revision) -> String {
    format!("\"{revision}\"")
}

/// Reads both headers of a request that changes a record.
///
/// # Errors
/// A [`Violation`] for each header that is malformed.
pub fn parse(request: &Request) -> Result<Precondition, Vec<Violation>> {
    let if_match = parse_header(request, &IF_MATCH, IF_MATCH_NAME, Comparison::Strong);
    match (if_match, if_none_match(request)) {
        (Ok(if_match), Ok(if_none_match)) => Ok(Precondition { if_match, if_none_match }),
        (if_match, if_none_match) => Err(if_match.err().into_iter().chain(if_none_match.err()).collect()),
    }
}

/// Reads `If-None-Match`.
///
/// # Errors
/// A [`Violation`] if the header is malformed.
pub fn if_none_match(request: &Request) -> Result<Option<RevisionSet>, Violation> {
    parse_header(request, &IF_NONE_MATCH, IF_NONE_MATCH_NAME, Comparison::Weak)
}

/// How a weak tag, `W/"…"`, compares with the strong tags of this API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// A weak tag equals no tag.
    Strong,
    /// A weak tag equals the strong tag with the same text.
    Weak,
}

fn parse_header(
    request: &Request,
    header: &HeaderName,
    name: &str,
    comparison: Comparison,
) -> Result<Option<RevisionSet>, Violation> {
    let Some(text) = request.header_list(header) else {
        return Ok(None);
    };
    let parsed = parse_set(&text, comparison).map(Some);
    parsed.ok_or_else(|| {
        let detail = format!("must be * or 1 to {MAX_TAGS} entity tags, each in double quotes");
        Violation::new(name, Rule::Format, detail)
    })
}

/// Parses `*` or a list of entity tags. Returns `None` if the text is malformed. A tag that
/// no record of this API can have is valid, and is left out.
fn parse_set(text: &str, comparison: Comparison) -> Option<RevisionSet> {
    let mut rest = trim_start(text);
    if let Some(after) = rest.strip_prefix('*') {
        return trim_start(after).is_empty().then_some(RevisionSet::Any);
    }
    let (mut revisions, mut tags) = (Vec::new(), 0);
    loop {
        // A list may have empty elements: RFC 9110, section 5.6.1.2.
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (tags > 0).then_some(RevisionSet::OneOf(revisions));
        }
        let weak = rest.strip_prefix("W/");
        let (tag, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        tags += 1;
        if tags > MAX_TAGS || !tag.chars().all(is_tag_character) {
            return None;
        }
        if weak.is_none() || comparison == Comparison::Weak {
            revisions.extend(tag.parse::<Revision>());
        }
        rest = trim_start(after);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// Returns true for the characters that may be part of a tag: RFC 9110, section 8.8.3.
const fn is_tag_character(c: char) -> bool {
    matches!(c, '!' | '#'..='~' | '\u{80}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_of(revisions: &[&str]) -> Option<RevisionSet> {
        Some(RevisionSet::OneOf(revisions.iter().map(|text| text.parse().unwrap()).collect()))
    }

    fn both(text: &str) -> [Option<RevisionSet>; 2] {
        [Comparison::Strong, Comparison::Weak].map(|comparison| parse_set(text, comparison))
    }

    #[test]
    fn parses_a_wildcard() {
        for text in ["*", " * ", "*\t"] {
            assert_eq!(both(text), [Some(RevisionSet::Any), Some(RevisionSet::Any)], "{text:?}");
        }
    }

    #[test]
    fn parses_a_list_of_tags() {
        for (text, revisions) in [
            (r#""a""#, &["a"][..]),
            (r#""a","b""#, &["a", "b"]),
            ("\t\"a\" , \"b\" ", &["a", "b"]),
            (r#",, "a",,"b","#, &["a", "b"]),
            (r#""0""#, &["0"]),
            (r#""","a""#, &["a"]),
            (r#""a,b","c""#, &["c"]),
            (r#""é""#, &[]),
            (r#""*""#, &[]),
        ] {
            assert_eq!(both(text), [one_of(revisions), one_of(revisions)], "{text}");
        }
    }

    #[test]
    fn a_weak_tag_matches_only_in_a_weak_comparison() {
        assert_eq!(both(r#"W/"a""#), [one_of(&[]), one_of(&["a"])]);
        assert_eq!(both(r#"W/"a", "b""#), [one_of(&["b"]), one_of(&["a", "b"])]);
    }

    #[test]
    fn rejects_malformed_lists() {
        for text in [
            "",
            " ",
            ",",
            "a",
            "\"",
            "\"a",
            "a\"",
            "'a'",
            "\"a\" \"b\"",
            "\"a\"b",
            "w/\"a\"",
            "W/",
            "W/a",
            "W /\"a\"",
            "*,\"a\"",
            "\"a\",*",
            "**",
            "\"a b\"",
            "\"a\tb\"",
            "\"a\\\"b\"",
            "\"\u{7f}\"",
        ] {
            assert_eq!(both(text), [None, None], "{text:?}");
        }
    }

    #[test]
    fn accepts_ten_tags() {
        let tags = |count| vec![r#""a""#; count].join(",");
        assert_eq!(both(&tags(MAX_TAGS)), [one_of(&["a"; MAX_TAGS]), one_of(&["a"; MAX_TAGS])]);
        assert_eq!(both(&tags(MAX_TAGS + 1)), [None, None]);
        let invalid_ids = [r#""?""#; MAX_TAGS + 1].join(",");
        assert_eq!(both(&invalid_ids), [None, None], "a tag counts even if no record can have it");
    }

    #[test]
    fn reads_its_own_tags() {
        let revision = Revision::following(None, 1_767_225_600_000, &[7; 10]);
        let set = parse_set(&entity_tag(&revision), Comparison::Strong);
        assert_eq!(set, Some(RevisionSet::OneOf(vec![revision])));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,100}") {
            both(&text);
        }

        #[test]
        fn never_panics_on_parts_of_tags(text in r#"([W/"a*, ]|"0"|W/"a"){0,20}"#) {
            both(&text);
        }
    }
}
