//! Preconditions of a change: the revisions that the record may have (RFC 9110, section 13.1).

use crate::ids::Revision;

/// The revisions that a precondition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionSet {
    /// Every revision: the record exists.
    Any,
    /// One of these revisions.
    OneOf(Vec<Revision>),
}

impl RevisionSet {
    /// Returns true if a record has one of the revisions. `stored` is `None` if the record
    /// does not exist.
    #[must_use]
    pub fn contains(&self, stored: Option<&Revision>) -> bool {
        match (self, stored) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::OneOf(revisions), Some(stored)) => revisions.contains(stored),
        }
    }
}

/// The state of the record that a request requires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// Revisions of which the record must have one.
    pub if_match: Option<RevisionSet>,
    /// Revisions of which the record must have none.
    pub if_none_match: Option<RevisionSet>,
}

impl Precondition {
    /// Returns true if a record meets the precondition. `stored` is `None` if the record
    /// does not exist.
    #[must_use]
    pub fn is_met(&self, stored: Option<&Revision>) -> bool {
        self.if_match.as_ref().is_none_or(|revisions| revisions.contains(stored))
            && self.if_none_match.as_ref().is_none_or(|revisions| !revisions.contains(stored))
    }

    /// Returns the revision that a record must have, if the precondition allows only one.
    #[must_use]
    pub fn required_revision(&self) -> Option<&Revision> {
        match &self.if_match {
            Some(RevisionSet::OneOf(revisions)) if revisions.len() == 1 => revisions.first(),
            _ => None,
        }
    }

    /// Returns true if only a record that does not exist meets the precondition.
    #[must_use]
    pub fn requires_absence(&self) -> bool {
        self.if_none_match == Some(RevisionSet::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(text: &str) -> Revision {
        text.parse().unwrap()
    }

    fn one_of(revisions: &[&str]) -> Option<RevisionSet> {
        Some(RevisionSet::OneOf(revisions.iter().copied().map(revision).collect()))
    }

    fn met(precondition: &Precondition) -> [bool; 3] {
        [None, Some(revision("a")), Some(revision("b"))].map(|stored| precondition.is_met(stored.as_ref()))
    }

    #[test]
    fn compares_the_stored_revision() {
        let any = || Some(RevisionSet::Any);
        for (if_match, if_none_match, expected) in [
            (None, None, [true, true, true]),
            (any(), None, [false, true, true]),
            (one_of(&["a"]), None, [false, true, false]),
            (one_of(&["a", "b"]), None, [false, true, true]),
            (one_of(&[]), None, [false, false, false]),
            (None, any(), [true, false, false]),
            (None, one_of(&["a"]), [true, false, true]),
            (None, one_of(&[]), [true, true, true]),
            (any(), one_of(&["a"]), [false, false, true]),
            (any(), any(), [false, false, false]),
        ] {
            let precondition = Precondition { if_match, if_none_match };
            assert_eq!(met(&precondition), expected, "{precondition:?}");
        }
    }

    #[test]
    fn requires_a_revision_only_if_it_allows_no_other() {
        let required = |if_match| {
            let precondition = Precondition { if_match, ..Precondition::default() };
            precondition.required_revision().cloned()
        };
        assert_eq!(required(one_of(&["a"])), Some(revision("a")));
        for if_match in [None, Some(RevisionSet::Any), one_of(&[]), one_of(&["a", "b"])] {
            assert_eq!(required(if_match), None);
        }
    }

    #[test]
    fn only_a_wildcard_requires_absence() {
        let requires_absence =
            |if_none_match| Precondition { if_none_match, ..Precondition::default() }.requires_absence();
        assert!(requires_absence(Some(RevisionSet::Any)));
        assert!(!requires_absence(one_of(&["a"])) && !requires_absence(None));
    }
}
