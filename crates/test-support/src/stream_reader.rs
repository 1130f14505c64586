//! A reader of a table's stream.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clients::REGION;
use crate::raw_dynamodb::{RawDynamoDb, STREAMS};

const TRIMMED: &str = "#TrimmedDataAccessException";

/// A reader of a table's stream, starting at the oldest record.
#[derive(Debug)]
pub struct StreamReader {
    dynamodb: RawDynamoDb,
    arn: String,
    /// The sequence number of the last record that was read from each shard. Shard ids start with
    /// their creation time, so parents come first.
    shards: BTreeMap<String, Option<String>>,
}

impl StreamReader {
    pub(crate) async fn open(table: &str) -> Self {
        let dynamodb = RawDynamoDb::new();
        let response = dynamodb.call(STREAMS, "ListStreams", &json!({"TableName": table})).await;
        let arn = response["Streams"][0]["StreamArn"].as_str().expect("a stream of the table").to_owned();
        Self { dynamodb, arn, shards: BTreeMap::new() }
    }

    /// Returns the records since the last read, in the format in which Lambda delivers them.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
    pub async fn read(&mut self) -> Vec<Value> {
        self.read_pages(usize::MAX).await
    }

    /// Returns some of the records since the last read: those of one call for each shard. While other
    /// tasks keep writing, [`StreamReader::read`] may not end for a long time.
    pub async fn read_page(&mut self) -> Vec<Value> {
        self.read_pages(1).await
    }

    async fn read_pages(&mut self, max_pages: usize) -> Vec<Value> {
        self.find_shards().await;
        let mut records = Vec::new();
        for (shard, last) in &mut self.shards {
            let new = read_shard(&self.dynamodb, &self.arn, shard, last.as_deref(), max_pages).await;
            if let Some(newest) = new.last() {
                *last = Some(sequence_number(newest).to_owned());
            }
            records.extend(new.into_iter().map(|record| as_delivered(record, &self.arn)));
        }
        records
    }

    async fn find_shards(&mut self) {
        let mut request = json!({"StreamArn": self.arn});
        loop {
            let response = self.dynamodb.call(STREAMS, "DescribeStream", &request).await;
            let description = &response["StreamDescription"];
            for shard in description["Shards"].as_array().expect("shards") {
                let id = shard["ShardId"].as_str().expect("an id");
                self.shards.entry(id.to_owned()).or_default();
            }
            match description.get("LastEvaluatedShardId") {
                Some(Value::String(last)) => request["ExclusiveStartShardId"] = last.clone().into(),
                _ => return,
            }
        }
    }
}

/// Returns the sequence number of a record.
pub(crate) fn sequence_number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().expect("a sequence number")
}

/// Returns the records of a shard after the sequence number `after`, with a maximum of calls.
///
/// Each read uses a new iterator: DynamoDB Local reports a trimmed stream for an iterator that has
/// been at the end of the shard for a while.
async fn read_shard(
    dynamodb: &RawDynamoDb,
    arn: &str,
    shard: &str,
    after: Option<&str>,
    max_pages: usize,
) -> Vec<Value> {
    let mut records = Vec::new();
    let mut position = Some(iterator(dynamodb, arn, shard, after).await);
    for _ in 0..max_pages {
        let Some(iterator) = position else { break };
        let Some(mut response) = get_records(dynamodb, &iterator).await else { break };
        let read = response["Records"].as_array_mut().map(std::mem::take).expect("records");
        if read.is_empty() {
            break;
        }
        records.extend(read);
        // A closed shard has no iterator at its end.
        position = response["NextShardIterator"].as_str().map(str::to_owned);
    }
    records
}

/// Returns the response to GetRecords, or nothing if the stream is trimmed at the iterator.
///
/// DynamoDB Local says so for an iterator at the end of a shard that receives a record before the
/// call (<https://github.com/aws/aws-sdk-java/issues/2923>). The next read has a new iterator at the
/// same place, so no record is missed.
async fn get_records(dynamodb: &RawDynamoDb, iterator: &str) -> Option<Value> {
    let request = json!({"ShardIterator": iterator});
    match dynamodb.try_call(STREAMS, "GetRecords", &request).await {
        Ok(response) => Some(response),
        Err(error) if error["__type"].as_str().is_some_and(|kind| kind.ends_with(TRIMMED)) => None,
        Err(error) => panic!("GetRecords of {request} failed: {error}"),
    }
}

async fn iterator(dynamodb: &RawDynamoDb, arn: &str, shard: &str, after: Option<&str>) -> String {
    let mut request = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    if let Some(number) = after {
        request["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
        request["SequenceNumber"] = number.into();
    }
    let response = dynamodb.call(STREAMS, "GetShardIterator", &request).await;
    response["ShardIterator"].as_str().expect("an iterator").to_owned()
}

/// Adds the fields that Lambda adds to a record of GetRecords: the stream's ARN and the region.
fn as_delivered(mut record: Value, arn: &str) -> Value {
    record["eventSourceARN"] = arn.into();
    record["awsRegion"] = REGION.into();
    record
}
