//! BatchGetItem with retries of unprocessed keys.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use aws::{RetryPolicy, ServiceError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;

use crate::decode::id_attribute;
use crate::value::{Item, key, text};

/// Retries of keys that a batch left unprocessed.
const RETRY_POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 5,
    base_delay: Duration::from_millis(25),
    max_delay: Duration::from_millis(400),
};

/// Reads at most 100 items and returns those that exist, by table. DynamoDB may leave keys
/// unprocessed:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
///
/// # Errors
/// [`ServiceError`] if a call fails, or keys stay unprocessed.
pub async fn batch_get<const N: usize>(
    client: &Client,
    keys_by_table: [(&str, KeysAndAttributesBuilder); N],
) -> Result<HashMap<String, Vec<Item>>, ServiceError> {
    let built = keys_by_table.map(|(table, keys)| keys.build().map(|keys| (table.to_owned(), keys)));
    let built: Result<HashMap<_, _>, _> = built.into_iter().collect();
    let mut pending = built.map_err(|error| ServiceError::Permanent(error.to_string()))?;
    let mut found: HashMap<String, Vec<Item>> = HashMap::with_capacity(N);
    let mut attempts = 0;
    loop {
        let output = client.batch_get_item().set_request_items(Some(pending)).send().await?;
        for (table, items) in output.responses.unwrap_or_default() {
            found.entry(table).or_default().extend(items);
        }
        pending = output.unprocessed_keys.unwrap_or_default();
        if pending.is_empty() {
            return Ok(found);
        }
        attempts += 1;
        if !RETRY_POLICY.wait(attempts).await {
            return Err(ServiceError::Transient("BatchGetItem leaves keys unprocessed".to_owned()));
        }
    }
}

/// Reads at most 100 items of one table, whose key attribute is `name`. Returns those that
/// exist, in the order of `ids`.
///
/// # Errors
/// [`ServiceError`] if a call fails, or keys stay unprocessed.
pub async fn get_by_id(
    client: &Client,
    table: &str,
    name: &str,
    ids: impl IntoIterator<Item = impl Display>,
) -> Result<Vec<Item>, ServiceError> {
    let ids: Vec<_> = ids.into_iter().map(|id| id.to_string()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = batch_get(client, [(table, keys_of(name, &ids))]).await?;
    let mut by_id = HashMap::with_capacity(ids.len());
    for item in found.remove(table).unwrap_or_default() {
        by_id.insert(id_attribute(&item, name)?, item);
    }
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

/// Returns a consistent read of the items with these ids in one table.
pub fn keys_of(name: &str, ids: impl IntoIterator<Item = impl Display>) -> KeysAndAttributesBuilder {
    let keys = ids.into_iter().map(|id| key(name, text(id))).collect();
    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true)
}
