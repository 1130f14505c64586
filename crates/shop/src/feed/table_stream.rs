//! Reads the stream of a table.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::operation::get_records::{GetRecordsError, GetRecordsOutput};
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use dynamodb::Item;
use lambda::clock::now;

/// A stream that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("stream of table {table}: {reason}")]
pub struct FeedError {
    table: String,
    reason: String,
}

/// The place where a reader starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest record that the stream has.
    Oldest,
    /// After the newest record.
    Newest,
}

/// An item before and after a change.
#[derive(Debug)]
pub(crate) struct ChangedItem {
    /// Absent if the change created the item.
    pub(crate) old: Option<Item>,
    /// Absent if the change deleted the item.
    pub(crate) new: Option<Item>,
}

/// A reader of the stream of a table.
#[derive(Debug)]
pub(crate) struct TableStream {
    client: Client,
    table: String,
    arn: String,
    /// Time of the opening, in seconds since the Unix epoch.
    opened_at: i64,
    /// The position in each shard. Shard ids start with their creation time, so parents come first.
    shards: BTreeMap<String, Shard>,
}

/// The position of a reader in a shard.
#[derive(Debug, Clone)]
enum Position {
    /// No record has been read.
    At(Start),
    /// No record has been read, and the iterator at the newest one is lost: at the records since the opening.
    SinceOpening,
    /// After the record with this sequence number.
    After(String),
    /// The shard is closed, and all its records are read.
    End,
}

/// A shard that is read.
#[derive(Debug, Clone)]
struct Shard {
    /// The shard that it continues. All records of that one come first.
    parent: Option<String>,
    position: Position,
    /// Iterator for the position. It expires after 15 minutes without a read.
    iterator: Option<String>,
}

impl TableStream {
    /// Opens the stream of a table.
    pub(crate) async fn open(config: &SdkConfig, table: &str, start: Start) -> Result<Self, FeedError> {
        let failed = |reason: String| FeedError { table: table.to_owned(), reason };
        let tables = aws_sdk_dynamodb::Client::new(config);
        let described = tables.describe_table().table_name(table).send().await;
        let described = described.map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
        let arn = described.table().and_then(|table| table.latest_stream_arn());
        let arn = arn.ok_or_else(|| failed("the table has no stream".to_owned()))?.to_owned();
        let client = Client::new(config);
        let opened_at = now().unix_seconds();
        let mut stream = Self { client, table: table.to_owned(), arn, opened_at, shards: BTreeMap::new() };
        stream.find_shards(start).await?;
        // From now on, so that the first poll returns the changes since this call.
        for id in stream.shard_ids() {
            stream.renew_iterator(&id).await?;
        }
        Ok(stream)
    }

    /// Returns the changes since the last call, those of one item in their order.
    pub(crate) async fn poll(&mut self) -> Result<Vec<ChangedItem>, FeedError> {
        self.find_shards(Start::Oldest).await?;
        let mut changes = Vec::new();
        for id in self.shard_ids() {
            if self.has_unread_parent(&id) {
                continue;
            }
            let records = match self.read_shard(&id).await {
                Ok(records) => records,
                // The changes of the other shards must not be lost. The next call tries this shard again.
                Err(_) if !changes.is_empty() => return Ok(changes),
                Err(error) => return Err(error),
            };
            for record in records {
                changes.extend(record.dynamodb.map(|change| ChangedItem {
                    old: change.old_image.map(convert),
                    new: change.new_image.map(convert),
                }));
            }
        }
        Ok(changes)
    }

    /// Adds the shards that are not known yet. A shard that appears later is read from its start.
    async fn find_shards(&mut self, start: Start) -> Result<(), FeedError> {
        let mut last = None;
        loop {
            let request = self.client.describe_stream().stream_arn(&self.arn);
            let response = request.set_exclusive_start_shard_id(last).send().await;
            let response = response.map_err(|error| self.error(error))?;
            let description = response.stream_description();
            for shard in description.map(|stream| stream.shards()).unwrap_or_default() {
                let id = shard.shard_id().unwrap_or_default().to_owned();
                let parent = shard.parent_shard_id().map(str::to_owned);
                let new = Shard { parent, position: Position::At(start), iterator: None };
                self.shards.entry(id).or_insert(new);
            }
            last = description.and_then(|stream| stream.last_evaluated_shard_id()).map(str::to_owned);
            if last.is_none() {
                return Ok(());
            }
        }
    }

    fn shard_ids(&self) -> Vec<String> {
        self.shards.keys().cloned().collect()
    }

    /// Returns true if the shard that this one continues still has records to read. The stream forgets a
    /// parent after 24 hours.
    fn has_unread_parent(&self, id: &str) -> bool {
        let parent = self.shards.get(id).and_then(|shard| shard.parent.as_ref());
        let parent = parent.and_then(|parent| self.shards.get(parent));
        parent.is_some_and(|parent| !matches!(parent.position, Position::End))
    }

    /// Reads one page of a shard. A lost iterator is renewed by the next call.
    async fn read_shard(&mut self, id: &str) -> Result<Vec<Record>, FeedError> {
        if self.shards.get(id).is_some_and(|shard| shard.iterator.is_none()) {
            self.renew_iterator(id).await?;
        }
        let Some(Shard { parent, position, iterator: Some(iterator) }) = self.shards.get(id).cloned() else {
            return Ok(Vec::new());
        };
        let response = match self.client.get_records().shard_iterator(iterator).send().await {
            Ok(response) => response,
            Err(SdkError::ServiceError(error)) if is_lost(error.err()) => {
                let position = if matches!(position, Position::At(Start::Newest)) {
                    Position::SinceOpening
                } else {
                    position
                };
                self.shards.insert(id.to_owned(), Shard { parent, position, iterator: None });
                return Ok(Vec::new());
            }
            Err(error) => return Err(self.error(error)),
        };
        let GetRecordsOutput { records, next_shard_iterator: iterator, .. } = response;
        let mut records = records.unwrap_or_default();
        if matches!(position, Position::SinceOpening) {
            let opened_at = self.opened_at;
            records.retain(|record| created_at(record).is_none_or(|created_at| created_at >= opened_at));
        }
        let last = records.last().and_then(|record| record.dynamodb()?.sequence_number());
        let position = match last {
            // A closed shard has no iterator at its end.
            _ if iterator.is_none() => Position::End,
            Some(number) => Position::After(number.to_owned()),
            None => position,
        };
        self.shards.insert(id.to_owned(), Shard { parent, position, iterator });
        Ok(records)
    }

    /// Gets an iterator for the position in a shard. If the stream has lost the position, reading continues at
    /// the oldest record that it has.
    async fn renew_iterator(&mut self, id: &str) -> Result<(), FeedError> {
        let Some(shard) = self.shards.get(id).cloned() else { return Ok(()) };
        let request = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(id);
        let request = match &shard.position {
            Position::At(Start::Oldest) | Position::SinceOpening => {
                request.shard_iterator_type(ShardIteratorType::TrimHorizon)
            }
            Position::At(Start::Newest) => request.shard_iterator_type(ShardIteratorType::Latest),
            Position::After(number) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
            Position::End => return Ok(()),
        };
        let shard = match request.send().await {
            Ok(response) => Shard { iterator: response.shard_iterator, ..shard },
            Err(SdkError::ServiceError(error)) if error.err().is_trimmed_data_access_exception() => {
                Shard { position: Position::At(Start::Oldest), iterator: None, ..shard }
            }
            Err(error) => return Err(self.error(error)),
        };
        self.shards.insert(id.to_owned(), shard);
        Ok(())
    }

    fn error(&self, error: impl std::error::Error) -> FeedError {
        FeedError { table: self.table.clone(), reason: DisplayErrorContext(error).to_string() }
    }
}

/// Returns the time of a change in seconds since the Unix epoch, rounded down.
fn created_at(record: &Record) -> Option<i64> {
    Some(record.dynamodb()?.approximate_creation_date_time()?.secs())
}

/// Returns true for an iterator that became invalid before it was used. A new one is valid.
fn is_lost(error: &GetRecordsError) -> bool {
    error.is_expired_iterator_exception() || error.is_trimmed_data_access_exception()
}

/// Converts an image to an item of the table.
fn convert(image: std::collections::HashMap<String, aws_sdk_dynamodbstreams::types::AttributeValue>) -> Item {
    serde_dynamo::Item::from(image).into()
}
