//! The list of orders to ship: a query of each shard of its index.

use aws::ServiceError;
use domain::{FulfillmentPosition, FulfillmentShard, Order, OrderStatus};
use dynamodb::attribute::{FULFILLMENT_POSITION, FULFILLMENT_SHARD, ORDER_ID, ORDERS_TO_SHIP_INDEX};
use dynamodb::{Item, Page, id_attribute, text};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Store;

/// Queries that run concurrently. Each can open a connection, which is expensive for a
/// small function.
const MAX_CONCURRENCY: usize = 8;

/// An entry of the index. Entries sort like the list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    position: String,
    order_id: String,
}

/// The first entries of a shard.
#[derive(Debug)]
struct ShardPage {
    entries: Vec<Entry>,
    has_more: bool,
}

impl Store {
    /// Returns a page of the orders to ship, oldest first, after the position `after`.
    ///
    /// The index is eventually consistent. A page omits orders that are shipped or canceled
    /// by now, so it can have fewer than `limit` entries although more follow.
    pub(crate) async fn orders_to_ship(
        &self,
        limit: i32,
        after: Option<&FulfillmentPosition>,
    ) -> Result<Page<Order>, ServiceError> {
        let queries = FulfillmentShard::all().map(|shard| self.query_shard(shard, limit, after));
        let queries = stream::iter(queries).buffer_unordered(MAX_CONCURRENCY);
        let shards: Vec<ShardPage> = queries.try_collect().await?;
        let (entries, has_more) = merge(shards, usize::try_from(limit).unwrap_or_default());
        let last = entries.last().filter(|_| has_more).map(|entry| entry.position.clone());
        let ids: Vec<_> = entries.into_iter().map(|entry| entry.order_id).collect();
        let mut page = self.page_of_orders(&ids, last).await?;
        page.entries.retain(|order| order.status == OrderStatus::Confirmed);
        Ok(page)
    }

    /// Reads the first `limit` entries of a shard after `after`. With keys only, these are
    /// far below the 1 MB at which DynamoDB ends a query early.
    async fn query_shard(
        &self,
        shard: FulfillmentShard,
        limit: i32,
        after: Option<&FulfillmentPosition>,
    ) -> Result<ShardPage, ServiceError> {
        let mut condition = format!("{FULFILLMENT_SHARD} = :shard");
        let mut values: Item = [(":shard".to_owned(), text(shard))].into();
        if let Some(after) = after {
            condition.push_str(&format!(" AND {FULFILLMENT_POSITION} > :after"));
            values.insert(":after".to_owned(), text(after));
        }
        let output = self
            .client
            .query()
            .table_name(&self.settings.orders_table)
            .index_name(ORDERS_TO_SHIP_INDEX)
            .key_condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .limit(limit)
            .send()
            .await?;
        let entries = output.items().iter().map(decode_entry).collect::<Result<_, _>>()?;
        Ok(ShardPage { entries, has_more: output.last_evaluated_key().is_some() })
    }
}

/// Merges the shards into the first `limit` entries, and returns true if the list may have more.
///
/// A shard with more entries contributes `limit` of them, so none of its later entries
/// belongs to the page.
fn merge(shards: Vec<ShardPage>, limit: usize) -> (Vec<Entry>, bool) {
    let has_more = shards.iter().any(|shard| shard.has_more);
    let mut entries: Vec<Entry> = shards.into_iter().flat_map(|shard| shard.entries).collect();
    entries.sort_unstable();
    let has_more = has_more || entries.len() > limit;
    entries.truncate(limit);
    (entries, has_more)
}

fn decode_entry(item: &Item) -> Result<Entry, ServiceError> {
    Ok(Entry { position: id_attribute(item, FULFILLMENT_POSITION)?, order_id: id_attribute(item, ORDER_ID)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(positions: &[&str], has_more: bool) -> ShardPage {
        let entry =
            |position: &&str| Entry { position: (*position).to_owned(), order_id: format!("o{position}") };
        ShardPage { entries: positions.iter().map(entry).collect(), has_more }
    }

    fn merged(shards: Vec<ShardPage>, limit: usize) -> (String, bool) {
        let (entries, has_more) = merge(shards, limit);
        (entries.iter().map(|entry| entry.order_id.as_str()).collect::<Vec<_>>().join(" "), has_more)
    }

    #[test]
    fn merges_shards_by_position() {
        let shards = vec![shard(&["3", "6"], false), shard(&[], false), shard(&["1", "4", "5"], false)];
        assert_eq!(merged(shards, 5), ("o1 o3 o4 o5 o6".to_owned(), false));
    }

    #[test]
    fn tells_if_there_are_more() {
        let beyond_the_limit = vec![shard(&["1", "4"], false), shard(&["2", "3"], false)];
        assert_eq!(merged(beyond_the_limit, 3), ("o1 o2 o3".to_owned(), true));
        let beyond_the_query = vec![shard(&["1", "2"], true), shard(&[], false)];
        assert_eq!(merged(beyond_the_query, 2), ("o1 o2".to_owned(), true));
        assert_eq!(merged(vec![shard(&[], false)], 2), (String::new(), false));
    }
}
