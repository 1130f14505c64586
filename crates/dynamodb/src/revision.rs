//! Revisions of customers and products, and conditions on them.

use domain::{Precondition, Revision, RevisionSet};

use crate::attribute::REVISION;
use crate::decode::{ItemDecodeError, optional_text};
use crate::value::{Item, text};

/// A record with its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revised<T> {
    /// The record.
    pub record: T,
    /// Its revision.
    pub revision: Revision,
}

impl<T> Revised<T> {
    /// Decodes a record with `decode`, and its revision.
    ///
    /// # Errors
    /// [`ItemDecodeError`] names the attribute that is missing or invalid.
    pub fn decode(
        item: &Item,
        decode: impl Fn(&Item) -> Result<T, ItemDecodeError>,
    ) -> Result<Self, ItemDecodeError> {
        Ok(Self { record: decode(item)?, revision: decode_revision(item)? })
    }
}

/// Returns the revision of an item. An item that another program stored has no attribute,
/// and so has the initial revision.
///
/// # Errors
/// [`ItemDecodeError`] if the attribute is invalid.
pub fn decode_revision(item: &Item) -> Result<Revision, ItemDecodeError> {
    Ok(optional_text(item, REVISION)?.unwrap_or_else(Revision::initial))
}

/// Returns the condition of a write with a new `revision` to an item with the key attribute
/// `key`, and its expression values.
///
/// The condition also rejects an item with a later revision, unless the precondition names
/// the revision. So the SDK's retry of a write whose response was lost cannot undo a later
/// write.
#[must_use]
pub fn write_condition(key: &str, precondition: &Precondition, revision: &Revision) -> (String, Item) {
    let mut values = Item::new();
    let exists = format!("attribute_exists({key})");
    let is_absent = format!("attribute_not_exists({key})");
    let mut conditions = Vec::new();
    match &precondition.if_match {
        None => {}
        Some(RevisionSet::Any) => conditions.push(exists),
        Some(RevisionSet::OneOf(revisions)) => {
            // Without a revision, the condition is never true.
            let is_one = one_of(revisions, "match", &mut values).unwrap_or_else(|| is_absent.clone());
            conditions.push(format!("{exists} AND ({is_one})"));
        }
    }
    match &precondition.if_none_match {
        None => {}
        Some(RevisionSet::Any) => conditions.push(is_absent),
        Some(RevisionSet::OneOf(revisions)) => {
            if let Some(is_one) = one_of(revisions, "none", &mut values) {
                conditions.push(format!("({is_absent} OR NOT ({is_one}))"));
            }
        }
    }
    if !matches!(precondition.if_match, Some(RevisionSet::OneOf(_))) {
        conditions.push(format!("({} OR {REVISION} < :revision)", has_initial_revision()));
        values.insert(":revision".to_owned(), text(revision));
    }
    (conditions.join(" AND "), values)
}

/// Returns the condition that an item has one of these revisions, or `None` if there are none.
fn one_of(revisions: &[Revision], prefix: &str, values: &mut Item) -> Option<String> {
    let mut names = Vec::with_capacity(revisions.len());
    for revision in revisions.iter().filter(|revision| **revision != Revision::initial()) {
        let name = format!(":{prefix}{}", names.len());
        values.insert(name.clone(), text(revision));
        names.push(name);
    }
    let listed = (!names.is_empty()).then(|| format!("{REVISION} IN ({})", names.join(", ")));
    let initial = revisions.contains(&Revision::initial()).then(has_initial_revision);
    let conditions: Vec<_> = listed.into_iter().chain(initial).collect();
    (!conditions.is_empty()).then(|| conditions.join(" OR "))
}

fn has_initial_revision() -> String {
    format!("attribute_not_exists({REVISION})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::CUSTOMER_ID;

    fn one_of(revisions: &[&str]) -> Option<RevisionSet> {
        Some(RevisionSet::OneOf(revisions.iter().map(|text| text.parse().unwrap()).collect()))
    }

    fn condition(precondition: &Precondition) -> (String, Vec<String>) {
        let revision = "z".parse().unwrap();
        let (condition, values) = write_condition(CUSTOMER_ID, precondition, &revision);
        let mut names: Vec<_> = values.into_keys().collect();
        names.sort();
        (condition, names)
    }

    #[test]
    fn an_item_without_the_attribute_has_the_initial_revision() {
        assert_eq!(decode_revision(&Item::new()), Ok(Revision::initial()));
        let item = Item::from([(REVISION.to_owned(), text("not a revision"))]);
        assert!(decode_revision(&item).unwrap_err().to_string().starts_with("attribute Revision: "));
    }

    #[test]
    fn a_write_without_a_precondition_replaces_only_earlier_revisions() {
        let (condition, names) = condition(&Precondition::default());
        assert_eq!(condition, "(attribute_not_exists(Revision) OR Revision < :revision)");
        assert_eq!(names, [":revision"]);
    }

    #[test]
    fn names_each_revision_once() {
        let precondition = Precondition { if_match: one_of(&["a", "0", "b"]), if_none_match: one_of(&["c"]) };
        let (condition, names) = condition(&precondition);
        assert_eq!(
            condition,
            "attribute_exists(CustomerId) AND (Revision IN (:match0, :match1) OR attribute_not_exists(Revision)) \
             AND (attribute_not_exists(CustomerId) OR NOT (Revision IN (:none0)))"
        );
        assert_eq!(names, [":match0", ":match1", ":none0"]);
    }

    #[test]
    fn an_empty_set_matches_no_item() {
        let never = Precondition { if_match: one_of(&[]), if_none_match: None };
        assert_eq!(
            condition(&never).0,
            "attribute_exists(CustomerId) AND (attribute_not_exists(CustomerId))"
        );
        let always = Precondition { if_match: None, if_none_match: one_of(&[]) };
        assert_eq!(condition(&always), condition(&Precondition::default()));
    }
}
