//! Editors that change the same customers and products at the same time, with preconditions.
//!
//! The name of a record counts the changes of each editor. An editor reads the counts, increments its
//! own and replaces the record if it has not changed since. So a lost update would lose a count, and
//! an editor whose response was lost sees by its count that its change was made.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{ApiRequest, ApiResponse};
use tokio::time::sleep;

use crate::settings::{CUSTOMERS, NEW_PRODUCTS, PRODUCTS};
use crate::system::{System, product_id};

pub(crate) const EDITORS: usize = 3;

/// The editor that creates products, and deletes some of them to create them again.
const CREATOR: usize = 0;

/// Of this many products, the creator deletes one.
const DELETE_ONE_IN: usize = 5;

/// The time until an editor looks again for a record that another one is about to create.
const UNTIL_CREATED: Duration = Duration::from_millis(50);

/// The number of changes of each editor.
pub(crate) type Counts = [usize; EDITORS];

/// A customer or a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Customer(usize),
    Product(usize),
}

impl Record {
    /// Iterates over the records that the editors change.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..PRODUCTS + NEW_PRODUCTS).map(Self::Product).chain((0..CUSTOMERS).map(Self::Customer))
    }

    pub(crate) fn request(&self, method: &'static str) -> ApiRequest {
        match self {
            Self::Customer(n) => {
                ApiRequest::new(method, "/customers/{customerId}").path("customerId", &format!("c{n}"))
            }
            Self::Product(n) => {
                ApiRequest::new(method, "/products/{productId}").path("productId", &product_id(*n))
            }
        }
    }

    /// Returns the body that has these counts.
    fn body(&self, counts: Counts) -> String {
        let name = name_of(counts);
        match self {
            Self::Customer(n) => json!({"name": name, "email": format!("c{n}@example.com")}).to_string(),
            Self::Product(_) => json!({"name": name, "price": price_of(counts)}).to_string(),
        }
    }

    /// Returns the counts of a document. Asserts that name and price are of the same change.
    pub(crate) fn counts_of(&self, document: &Value) -> Counts {
        let counts = parse_name(document["name"].as_str().unwrap());
        match self {
            Self::Customer(n) => assert_eq!(document["email"], format!("c{n}@example.com")),
            Self::Product(_) => assert_eq!(document["price"].as_f64(), Some(price_of(counts))),
        }
        counts
    }
}

/// Returns the name that shows the counts.
pub(crate) fn name_of(counts: Counts) -> String {
    format!("Changed {}", counts.map(|count| count.to_string()).join(" "))
}

fn parse_name(name: &str) -> Counts {
    let counts = name.strip_prefix("Changed ").unwrap().split(' ').map(|count| count.parse().unwrap());
    counts.collect::<Vec<_>>().try_into().unwrap()
}

/// Returns the price of a product after these changes. Each change makes it dearer.
fn price_of(counts: Counts) -> f64 {
    f64::from(u32::try_from(999 + counts.iter().sum::<usize>()).unwrap()) / 100.0
}

impl System {
    /// Changes every record once in each round. All editors change the records in the same order.
    pub(crate) async fn run_editor(self: Rc<Self>, editor: usize) {
        let rounds = self.settings.edits();
        let records: Vec<_> = Record::all().collect();
        for round in 1..=rounds {
            for (n, record) in records.iter().enumerate() {
                self.wait_for_orders((round - 1) * records.len() + n, rounds * records.len()).await;
                match record {
                    Record::Product(n) if editor == CREATOR && (n + round).is_multiple_of(DELETE_ONE_IN) => {
                        self.delete_and_create(record, round).await;
                    }
                    _ => self.edit(record, editor, round).await,
                }
            }
        }
    }

    /// Makes an editor's nth change of a record.
    async fn edit(&self, record: &Record, editor: usize, n: usize) {
        loop {
            let Some((mut counts, tag)) = self.read(record).await else {
                if editor == CREATOR {
                    let mut counts = Counts::default();
                    counts[editor] = n;
                    return self.create(record, counts).await;
                }
                sleep(UNTIL_CREATED).await;
                continue;
            };
            if counts[editor] == n {
                return self.counters.edits.increment();
            }
            assert_eq!(counts[editor], n - 1, "{record:?} has lost a change of editor {editor}");
            counts[editor] = n;
            let request = record.request("PUT").header("If-Match", &tag).json(record.body(counts));
            match self.send_edit(&request, &[200, 412]).await.status {
                200 => return self.counters.edits.increment(),
                _ => self.counters.failed_preconditions.increment(),
            }
        }
    }

    /// Deletes a record and creates it again, as the creator's nth change.
    async fn delete_and_create(&self, record: &Record, n: usize) {
        let mut last_read = None;
        while let Some((counts, tag)) = self.read(record).await {
            last_read = Some(counts);
            let request = record.request("DELETE").header("If-Match", &tag);
            // Only the creator deletes, so a missing record was deleted by an earlier attempt.
            if self.send_edit(&request, &[204, 404, 412]).await.status != 412 {
                self.counters.deletions.increment();
                break;
            }
            self.counters.failed_preconditions.increment();
        }
        let mut counts = last_read.unwrap_or_default();
        counts[CREATOR] = n;
        self.create(record, counts).await;
    }

    /// Creates a record. Only the creator does, so an existing one was created by an earlier attempt.
    async fn create(&self, record: &Record, counts: Counts) {
        let request = record.request("PUT").header("If-None-Match", "*").json(record.body(counts));
        self.send_edit(&request, &[201, 412]).await;
        self.counters.edits.increment();
    }

    /// Returns the counts and the entity tag of a record.
    async fn read(&self, record: &Record) -> Option<(Counts, String)> {
        let response = self.send_edit(&record.request("GET"), &[200, 404]).await;
        let tag = response.header("etag").map(str::to_owned);
        (response.status == 200).then(|| (record.counts_of(&response.json()), tag.unwrap()))
    }

    async fn send_edit(&self, request: &ApiRequest, expected: &[u16]) -> ApiResponse {
        let attempt = async || self.run_or_abort(request.send(&self.orders)).await;
        self.until_answered(attempt, |response| {
            assert!(expected.contains(&response.status), "{request:?}: {response:?}");
            true
        })
        .await
    }
}
