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
    /// Where to go on in each shard; `None` at the end of one that is closed.
    positions: BTreeMap<String, Option<String>>,
}

impl StreamReader {
    pub(crate) async fn open(table: &str) -> Self {
        let wire = Wire::new();
        let answer = wire.call(STREAMS, "ListStreams", &json!({"TableName": table})).await;
        let arn = answer["Streams"][0]["StreamArn"].as_str().expect("a stream of the table").to_owned();
        Self { wire, arn, positions: BTreeMap::new() }
    }

    /// The records since the last time, in the shape in which Lambda delivers them.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
    pub async fn read(&mut self) -> Vec<Value> {
        self.find_shards().await;
        let mut records = Vec::new();
        // Ids of shards begin with the time of their making: parents come before children.
        for position in self.positions.values_mut() {
            while let Some(iterator) = position.take() {
                let request = json!({"ShardIterator": iterator});
                let mut answer = self.wire.call(STREAMS, "GetRecords", &request).await;
                *position = answer["NextShardIterator"].as_str().map(str::to_owned);
                let read = answer["Records"].as_array_mut().map(std::mem::take).expect("records");
                let nothing_new = read.is_empty();
                records.extend(read.into_iter().map(|record| delivered(record, &self.arn)));
                if nothing_new {
                    break;
                }
            }
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
                if !self.positions.contains_key(id) {
                    let iterator = self.oldest(id).await;
                    self.positions.insert(id.to_owned(), Some(iterator));
                }
            }
            match description.get("LastEvaluatedShardId") {
                Some(Value::String(last)) => request["ExclusiveStartShardId"] = last.clone().into(),
                _ => return,
            }
        }
    }

    async fn oldest(&self, shard: &str) -> String {
        let request = json!({"StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let answer = self.wire.call(STREAMS, "GetShardIterator", &request).await;
        answer["ShardIterator"].as_str().expect("an iterator").to_owned()
    }
}

/// A record of GetRecords as Lambda passes it on: with the ARN of the stream,
/// and from a region of AWS.
fn delivered(mut record: Value, arn: &str) -> Value {
    record["eventSourceARN"] = arn.into();
    record["awsRegion"] = REGION.into();
    record
}
