//! Write units: the units of an item, and the units that a key has left.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::time::Instant;

use super::ItemKey;
use super::assumptions::Assumptions;

/// The write capacity of each key.
#[derive(Debug, Default)]
pub(super) struct Capacity(BTreeMap<ItemKey, Bucket>);

/// The write units that a key had left at some time. A negative number is a debt.
#[derive(Debug)]
struct Bucket {
    units: f64,
    at: Instant,
}

impl Capacity {
    /// Returns true if a key has at least these units left.
    pub(super) fn has(&mut self, assumptions: &Assumptions, key: &ItemKey, units: f64) -> bool {
        self.refilled(assumptions, key).units >= units
    }

    /// Takes units from a key, into debt if necessary.
    pub(super) fn consume(&mut self, assumptions: &Assumptions, key: &ItemKey, units: f64) {
        self.refilled(assumptions, key).units -= units;
    }

    fn refilled(&mut self, assumptions: &Assumptions, key: &ItemKey) -> &mut Bucket {
        let now = Instant::now();
        let full = || Bucket { units: assumptions.burst_units, at: now };
        let bucket = self.0.entry(key.clone()).or_insert_with(full);
        let gained = assumptions.write_units_per_second * (now - bucket.at).as_secs_f64();
        *bucket = Bucket { units: (bucket.units + gained).min(assumptions.burst_units), at: now };
        bucket
    }
}

/// Returns the write units of an item: one for each started KB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>
pub(super) fn write_units(item: &Value) -> f64 {
    let attributes = item.as_object().into_iter().flatten();
    let bytes: usize = attributes.map(|(name, value)| name.len() + size(value)).sum();
    bytes.div_ceil(1024).max(1) as f64
}

/// Returns the size of an attribute value in bytes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(value: &Value) -> usize {
    let (kind, content) =
        value.as_object().and_then(|value| value.iter().next()).expect("an attribute value");
    match (kind.as_str(), content) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("L", Value::Array(values)) => 3 + values.iter().map(|value| 1 + size(value)).sum::<usize>(),
        ("M", Value::Object(values)) => {
            3 + values.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}
