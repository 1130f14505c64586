//! The stream of a table, read as Lambda's poller reads it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clients::REGION;
use crate::wire::{STREAMS, Wire};

/// Reads the records of a table's stream from the oldest on.
#[derive(Debug)]
pub struct StreamReader {
    wire: Wire,
    arn: String,
    /// The last record that was read of each shard, by sequence number.
    /// Ids of shards begin with the time of their making: parents come first.
    shards: BTreeMap<String, Option<String>>,
}

impl StreamReader {
    pub(crate) async fn open(table: &str) -> Self {
        let wire = Wire::new();
        let answer = wire.call(STREAMS, "ListStreams", &json!({"TableName": table})).await;
        let arn = answer["Streams"][0]["StreamArn"].as_str().expect("a stream of the table").to_owned();
        Self { wire, arn, shards: BTreeMap::new() }
    }

    /// The records since the last time, in the shape in which Lambda delivers them.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
    pub async fn read(&mut self) -> Vec<Value> {
        self.find_shards().await;
        let mut records = Vec::new();
        for (shard, last) in &mut self.shards {
            let new = read_shard(&self.wire, &self.arn, shard, last.as_deref()).await;
            if let Some(newest) = new.last() {
                *last = Some(sequence_number(newest).to_owned());
            }
            records.extend(new.into_iter().map(|record| delivered(record, &self.arn)));
        }
        records
    }

    async fn find_shards(&mut self) {
        let mut request = json!({"StreamArn": self.arn});
        loop {
            let answer = self.wire.call(STREAMS, "DescribeStream", &request).await;
            let description = &answer["StreamDescription"];
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

/// The sequence number of a record.
pub(crate) fn sequence_number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().expect("a sequence number")
}

/// The records of a shard after the one with sequence number `after`.
///
/// Each read takes an iterator of its own: DynamoDB Local calls the stream
/// trimmed for one that was left at the end of the shard for a while.
async fn read_shard(wire: &Wire, arn: &str, shard: &str, after: Option<&str>) -> Vec<Value> {
    let mut records = Vec::new();
    let mut position = Some(iterator(wire, arn, shard, after).await);
    while let Some(iterator) = position {
        let mut answer = wire.call(STREAMS, "GetRecords", &json!({"ShardIterator": iterator})).await;
        let read = answer["Records"].as_array_mut().map(std::mem::take).expect("records");
        if read.is_empty() {
            break;
        }
        records.extend(read);
        // There is none at the end of a shard that is closed.
        position = answer["NextShardIterator"].as_str().map(str::to_owned);
    }
    records
}

async fn iterator(wire: &Wire, arn: &str, shard: &str, after: Option<&str>) -> String {
    let mut request = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    if let Some(number) = after {
        request["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
        request["SequenceNumber"] = number.into();
    }
    let answer = wire.call(STREAMS, "GetShardIterator", &request).await;
    answer["ShardIterator"].as_str().expect("an iterator").to_owned()
}

/// A record of GetRecords as Lambda passes it on: with the ARN of the stream,
/// and from a region of AWS.
fn delivered(mut record: Value, arn: &str) -> Value {
    record["eventSourceARN"] = arn.into();
    record["awsRegion"] = REGION.into();
    record
}
