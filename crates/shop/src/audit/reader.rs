//! The reads of an audit.

use std::collections::{BTreeMap, BTreeSet};

use domain::ProductId;
use dynamodb::attribute::PRODUCT_ID;
use dynamodb::{key, text};

use super::state::State;
use crate::stack::{Stack, Tables};
use crate::table_reader::{ReadError, TableReader};

/// A reader of the tables of a stack.
pub(super) struct Reader {
    tables: Tables,
    reader: TableReader,
}

impl Reader {
    pub(super) fn new(stack: &Stack, units_per_second: u32) -> Self {
        Self { tables: stack.tables.clone(), reader: TableReader::new(&stack.config, units_per_second) }
    }

    /// Reads all tables.
    pub(super) async fn read_state(&mut self) -> Result<State, ReadError> {
        let mut state = State::default();
        let Tables { orders, customers, products, inventory } = &self.tables;
        self.reader.scan(inventory, |item| state.add_inventory(item)).await?;
        self.reader.scan(orders, |item| state.add_order(item)).await?;
        self.reader.scan(products, |item| state.add_product(item)).await?;
        self.reader.scan(customers, |item| state.add_customer(item)).await?;
        Ok(state)
    }

    /// Reads the revision of the stock item of each product, if there is one.
    pub(super) async fn read_revisions(
        &mut self,
        products: &BTreeSet<ProductId>,
    ) -> Result<BTreeMap<ProductId, Option<u64>>, ReadError> {
        let mut revisions = BTreeMap::new();
        for product in products {
            let item = self.reader.get(&self.tables.inventory, key(PRODUCT_ID, text(product))).await?;
            let stock = item.and_then(|item| dynamodb::decode_stock(&item).ok());
            revisions.insert(product.clone(), stock.map(|stock| stock.revision));
        }
        Ok(revisions)
    }
}
