//! Conditional writes of items that have a revision.

use std::fmt::Display;

use aws::{LostResponses, ServiceError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{Precondition, Revision};
use dynamodb::{Item, decode_revision, text, write_condition};
use lambda::clock::unix_millis;

use super::RETRY_POLICY;
use crate::random::random_bytes;

/// The outcome of creating or replacing a record.
#[derive(Debug)]
pub(crate) enum PutOutcome {
    /// The record is new.
    Created(Revision),
    /// The record replaced an earlier one.
    Replaced(Revision),
    /// Nothing changed.
    PreconditionFailed,
}

/// The outcome of deleting a record.
#[derive(Debug)]
pub(crate) enum DeleteOutcome {
    /// The record was deleted.
    Deleted,
    /// There is no record.
    NotFound,
    /// Nothing changed.
    PreconditionFailed,
}

/// A conditional write of one request.
#[derive(Debug)]
pub(super) struct RevisedWrite<'a> {
    client: &'a Client,
    table: &'a str,
    /// Name of the key attribute.
    key: &'static str,
    precondition: &'a Precondition,
    lost_responses: LostResponses,
}

/// The outcome of one PutItem call.
#[derive(Debug)]
enum PutAttempt {
    /// The call stored a new item.
    Created,
    /// The call replaced an item.
    Replaced,
    /// The condition failed for an item of this revision, or for a missing item.
    ConditionFailed(Option<Revision>),
}

/// The outcome of one DeleteItem call.
#[derive(Debug)]
enum DeleteAttempt {
    /// The call deleted the item.
    Deleted,
    /// The condition failed for an item of this revision, or for a missing item.
    ConditionFailed(Option<Revision>),
}

/// The explanation of a failed condition.
#[derive(Debug, PartialEq, Eq)]
enum FailedCondition {
    /// An earlier attempt of this write took effect, and its response was lost.
    AlreadyWritten,
    /// An earlier attempt may have taken effect before another write.
    Unknown,
    /// The item does not meet the precondition.
    PreconditionFailed,
    /// The item meets the precondition, but a concurrent write has a later revision.
    Overtaken(Option<Revision>),
}

impl<'a> RevisedWrite<'a> {
    pub(super) fn new(
        client: &'a Client,
        table: &'a str,
        key: &'static str,
        precondition: &'a Precondition,
    ) -> Self {
        Self { client, table, key, precondition, lost_responses: LostResponses::default() }
    }

    /// Stores the item that `encode` returns for its new revision.
    pub(super) async fn put(&self, encode: impl Fn(&Revision) -> Item) -> Result<PutOutcome, ServiceError> {
        let mut revision = new_revision(self.precondition.required_revision())?;
        let mut attempts = 0;
        loop {
            let attempt = async || self.try_put(encode(&revision), &revision).await;
            let stored = match RETRY_POLICY.retry_on_conflict(attempt).await? {
                PutAttempt::Created => return Ok(PutOutcome::Created(revision)),
                PutAttempt::Replaced => return Ok(PutOutcome::Replaced(revision)),
                PutAttempt::ConditionFailed(stored) => stored,
            };
            match explain(self.precondition, stored, &revision, self.lost_responses.any()) {
                FailedCondition::AlreadyWritten => return Ok(self.already_written(revision)),
                FailedCondition::Unknown => return Err(unknown_outcome()),
                FailedCondition::PreconditionFailed => return Ok(PutOutcome::PreconditionFailed),
                FailedCondition::Overtaken(stored) => revision = new_revision(stored.as_ref())?,
            }
            attempts += 1;
            wait(attempts).await?;
        }
    }

    /// Deletes an item.
    pub(super) async fn delete(&self, id: &impl Display) -> Result<DeleteOutcome, ServiceError> {
        let mut revision = new_revision(None)?;
        let mut attempts = 0;
        loop {
            let attempt = async || self.try_delete(id, &revision).await;
            let stored = match RETRY_POLICY.retry_on_conflict(attempt).await? {
                DeleteAttempt::Deleted => return Ok(DeleteOutcome::Deleted),
                DeleteAttempt::ConditionFailed(stored) => stored,
            };
            let response_lost = self.lost_responses.any();
            if stored.is_none() {
                // After a lost response, the item is gone as the request asks for: RFC 9110,
                // section 13.1.1.
                return Ok(if response_lost { DeleteOutcome::Deleted } else { DeleteOutcome::NotFound });
            }
            match explain(self.precondition, stored, &revision, response_lost) {
                FailedCondition::AlreadyWritten | FailedCondition::Unknown => return Err(unknown_outcome()),
                FailedCondition::PreconditionFailed => return Ok(DeleteOutcome::PreconditionFailed),
                FailedCondition::Overtaken(stored) => revision = new_revision(stored.as_ref())?,
            }
            attempts += 1;
            wait(attempts).await?;
        }
    }

    async fn try_put(&self, item: Item, revision: &Revision) -> Result<PutAttempt, ServiceError> {
        let (condition, values) = write_condition(self.key, self.precondition, revision);
        let result = self
            .client
            .put_item()
            .table_name(self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(some_values(values))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(self.lost_responses.clone())
            .send()
            .await;
        let error = match result {
            Ok(output) if output.attributes().is_some() => return Ok(PutAttempt::Replaced),
            Ok(_) => return Ok(PutAttempt::Created),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failure)) => {
                Ok(PutAttempt::ConditionFailed(stored_revision(failure.item())?))
            }
            _ => Err(error.into()),
        }
    }

    async fn try_delete(
        &self,
        id: &impl Display,
        revision: &Revision,
    ) -> Result<DeleteAttempt, ServiceError> {
        let (condition, values) = write_condition(self.key, self.precondition, revision);
        let result = self
            .client
            .delete_item()
            .table_name(self.table)
            .key(self.key, text(id))
            .condition_expression(format!("attribute_exists({}) AND {condition}", self.key))
            .set_expression_attribute_values(some_values(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(self.lost_responses.clone())
            .send()
            .await;
        let Err(error) = result else {
            return Ok(DeleteAttempt::Deleted);
        };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(failure)) => {
                Ok(DeleteAttempt::ConditionFailed(stored_revision(failure.item())?))
            }
            _ => Err(error.into()),
        }
    }

    /// Returns the outcome of a put whose response was lost. Only a precondition shows whether
    /// there was an item before.
    fn already_written(&self, revision: Revision) -> PutOutcome {
        if self.precondition.requires_absence() {
            PutOutcome::Created(revision)
        } else {
            PutOutcome::Replaced(revision)
        }
    }
}

/// Explains a failed condition. `revision` is the revision of the write.
fn explain(
    precondition: &Precondition,
    stored: Option<Revision>,
    revision: &Revision,
    response_lost: bool,
) -> FailedCondition {
    if stored.as_ref() == Some(revision) {
        FailedCondition::AlreadyWritten
    } else if response_lost {
        FailedCondition::Unknown
    } else if precondition.is_met(stored.as_ref()) {
        FailedCondition::Overtaken(stored)
    } else {
        FailedCondition::PreconditionFailed
    }
}

/// Returns the revision of the item for which a condition failed.
fn stored_revision(item: Option<&Item>) -> Result<Option<Revision>, ServiceError> {
    Ok(item.map(decode_revision).transpose()?)
}

/// Returns the revision of a write that replaces `previous`, if it is known.
fn new_revision(previous: Option<&Revision>) -> Result<Revision, ServiceError> {
    Ok(Revision::following(previous, unix_millis(), &random_bytes()?))
}

/// DynamoDB rejects an empty map.
fn some_values(values: Item) -> Option<Item> {
    (!values.is_empty()).then_some(values)
}

/// Waits before the next attempt.
async fn wait(attempts: u32) -> Result<(), ServiceError> {
    if RETRY_POLICY.wait(attempts).await {
        return Ok(());
    }
    Err(ServiceError::Conflict("other writes change the item".to_owned()))
}

fn unknown_outcome() -> ServiceError {
    ServiceError::Transient("a lost response leaves the outcome of a write unknown".to_owned())
}
