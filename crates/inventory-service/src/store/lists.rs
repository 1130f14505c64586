//! Lists of stock and of its ledger. The index has the order of the entries, and a
//! consistent read of the table has their content.

use std::collections::HashMap;

use aws::ServiceError;
use domain::{AdjustmentId, ProductId, StockAdjustment, StockLevel};
use dynamodb::attribute::{INVENTORY_LISTS_INDEX, LISTED_AS, LISTED_UNDER, PRODUCT_ID};
use dynamodb::batch_get::{batch_get, keys_of};
use dynamodb::{
    Item, Page, STOCK_LIST, decode_adjustment, decode_stock, ledger_key, ledger_position, parse_ledger_key,
    stock_list_entry, text,
};

use super::Store;

/// A page of a list in the index.
struct ListQuery {
    /// Value of [`LISTED_UNDER`].
    list: String,
    newest_first: bool,
    limit: i32,
    /// Key of the last entry of the previous page.
    after: Option<Item>,
}

impl Store {
    /// Returns a page of the stock of all products, sorted by product id, after the product
    /// `after`.
    pub(crate) async fn stock_levels(
        &self,
        limit: i32,
        after: Option<&ProductId>,
    ) -> Result<Page<StockLevel>, ServiceError> {
        let after = after.map(|id| {
            let key = [(PRODUCT_ID, text(id))].into_iter().chain(stock_list_entry(id));
            key.map(|(name, value)| (name.to_owned(), value)).collect()
        });
        let query = ListQuery { list: STOCK_LIST.to_owned(), newest_first: false, limit, after };
        let page = self.listed_items(query).await?;
        let entries = page.entries.iter().map(decode_stock).collect::<Result<_, _>>()?;
        Ok(Page { entries, last: page.last })
    }

    /// Returns a page of a product's ledger, newest entry first, after the adjustment `after`.
    pub(crate) async fn adjustments_of(
        &self,
        product: &ProductId,
        limit: i32,
        after: Option<&StockAdjustment>,
    ) -> Result<Page<StockAdjustment>, ServiceError> {
        let after = after.map(|adjustment| {
            let key = [
                (PRODUCT_ID, text(ledger_key(product, &adjustment.id))),
                (LISTED_UNDER, text(product)),
                (LISTED_AS, text(ledger_position(adjustment))),
            ];
            key.map(|(name, value)| (name.to_owned(), value)).into()
        });
        let query = ListQuery { list: product.to_string(), newest_first: true, limit, after };
        let page = self.listed_items(query).await?;
        let entries = page.entries.iter().map(decode_adjustment).collect::<Result<_, _>>()?;
        let last = page.last.as_deref().map(parse_ledger_key).transpose()?;
        Ok(Page { entries, last: last.map(|(_, id)| id.to_string()) })
    }

    /// Returns an adjustment of a product.
    pub(crate) async fn adjustment(
        &self,
        product: &ProductId,
        id: &AdjustmentId,
    ) -> Result<Option<StockAdjustment>, ServiceError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.settings.inventory_table)
            .key(PRODUCT_ID, text(ledger_key(product, id)))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item().map(decode_adjustment).transpose()?)
    }

    /// Returns the items of a page, and the key of its last entry if the list may have more.
    async fn listed_items(&self, query: ListQuery) -> Result<Page<Item>, ServiceError> {
        let output = self
            .client
            .query()
            .table_name(&self.settings.inventory_table)
            .index_name(INVENTORY_LISTS_INDEX)
            .key_condition_expression(format!("{LISTED_UNDER} = :list"))
            .expression_attribute_values(":list", text(query.list))
            .scan_index_forward(!query.newest_first)
            .limit(query.limit)
            .set_exclusive_start_key(query.after)
            .send()
            .await?;
        let last = output.last_evaluated_key().map(item_key).transpose()?;
        let keys: Vec<_> = output.items().iter().map(item_key).collect::<Result<_, _>>()?;
        Ok(Page { entries: self.items_by_key(&keys).await?, last })
    }

    /// Returns the items with these keys that exist, in the order of `keys`.
    async fn items_by_key(&self, keys: &[String]) -> Result<Vec<Item>, ServiceError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let table = &self.settings.inventory_table;
        let mut read = batch_get(&self.client, [(table, keys_of(PRODUCT_ID, keys))]).await?;
        let mut by_key = HashMap::with_capacity(keys.len());
        for item in read.remove(table).unwrap_or_default() {
            by_key.insert(item_key(&item)?, item);
        }
        Ok(keys.iter().filter_map(|key| by_key.remove(key)).collect())
    }
}

fn item_key(item: &Item) -> Result<String, ServiceError> {
    let value = item.get(PRODUCT_ID).and_then(|value| value.as_s().ok());
    value.cloned().ok_or_else(|| ServiceError::Permanent(format!("item without {PRODUCT_ID}")))
}
