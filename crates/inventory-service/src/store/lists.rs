//! Lists of stock and of its ledger. The index has the order of the entries, and a
//! consistent read of the table has their content.

use aws::ServiceError;
use domain::{AdjustmentId, ListPosition, ProductId, StockAdjustment, StockLevel};
use dynamodb::attribute::{INVENTORY_LISTS_INDEX, LISTED_AS, LISTED_UNDER, PRODUCT_ID};
use dynamodb::batch_get::get_by_id;
use dynamodb::{
    Item, Page, STOCK_LIST, decode_adjustment, decode_stock, id_attribute, item, ledger_key,
    stock_list_entry, text,
};

use super::Store;

/// A page of a list in the index.
struct ListQuery {
    /// Value of [`LISTED_UNDER`].
    list: String,
    newest_first: bool,
    limit: i32,
    /// Index key of the last entry of the previous page.
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
        let after = after.map(|id| item([(PRODUCT_ID, text(id))].into_iter().chain(stock_list_entry(id))));
        let query = ListQuery { list: STOCK_LIST.to_owned(), newest_first: false, limit, after };
        let (items, last) = self.listed_items(query).await?;
        Ok(Page::decode(&items, PRODUCT_ID, decode_stock, last))
    }

    /// Returns a page of a product's ledger, newest entry first, after the position `after`.
    pub(crate) async fn adjustments_of(
        &self,
        product: &ProductId,
        limit: i32,
        after: Option<&ListPosition<AdjustmentId>>,
    ) -> Result<Page<StockAdjustment>, ServiceError> {
        let after = after.map(|position| {
            item([
                (PRODUCT_ID, text(ledger_key(product, &position.id))),
                (LISTED_UNDER, text(product)),
                (LISTED_AS, text(position)),
            ])
        });
        let query = ListQuery { list: product.to_string(), newest_first: true, limit, after };
        let (items, last) = self.listed_items(query).await?;
        Ok(Page::decode(&items, PRODUCT_ID, decode_adjustment, last))
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

    /// Returns the items of a page, and the position of its last entry if the list may have more.
    async fn listed_items(&self, query: ListQuery) -> Result<(Vec<Item>, Option<String>), ServiceError> {
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
        let last = output.last_evaluated_key().map(|key| id_attribute(key, LISTED_AS)).transpose()?;
        let keys: Vec<_> =
            output.items().iter().map(|item| id_attribute(item, PRODUCT_ID)).collect::<Result<_, _>>()?;
        let items = get_by_id(&self.client, &self.settings.inventory_table, PRODUCT_ID, &keys).await?;
        Ok((items, last))
    }
}
