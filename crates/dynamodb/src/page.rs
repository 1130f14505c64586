//! Pages of lists.

use crate::decode::ItemDecodeError;
use crate::value::Item;

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// Entries of the page.
    pub entries: Vec<T>,
    /// Items that are left out because they do not have the expected layout.
    pub unreadable: Vec<UnreadableItem>,
    /// Position of the last entry in the list, if the list may have more.
    pub last: Option<String>,
}

/// An item of a list that does not have the expected layout.
#[derive(Debug, PartialEq, Eq)]
pub struct UnreadableItem {
    /// Value of the key attribute.
    pub id: String,
    /// Reason.
    pub error: ItemDecodeError,
}

impl<T> Page<T> {
    /// Decodes the items of a page. An invalid item does not hide the others. `key` is the key
    /// attribute.
    pub fn decode(
        items: &[Item],
        key: &str,
        decode: impl Fn(&Item) -> Result<T, ItemDecodeError>,
        last: Option<String>,
    ) -> Self {
        let mut page = Self { entries: Vec::with_capacity(items.len()), unreadable: Vec::new(), last };
        for item in items {
            match decode(item) {
                Ok(entry) => page.entries.push(entry),
                Err(error) => {
                    let id = item.get(key).and_then(|id| id.as_s().ok()).cloned().unwrap_or_default();
                    page.unreadable.push(UnreadableItem { id, error });
                }
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{PRODUCT_ID, QUANTITY};
    use crate::value::{item, number, text};

    #[test]
    fn leaves_out_an_unreadable_item() {
        let stock = |id: &str, quantity| item([(PRODUCT_ID, text(id)), (QUANTITY, quantity)]);
        let items = [stock("001", number(1)), stock("002", text("many")), stock("003", number(3))];
        let page = Page::decode(&items, PRODUCT_ID, crate::decode_stock, Some("003".to_owned()));
        assert_eq!(page.entries.iter().map(|level| level.quantity).collect::<Vec<_>>(), [1, 3]);
        let [unreadable] = page.unreadable.try_into().unwrap();
        assert_eq!((unreadable.id.as_str(), page.last.as_deref()), ("002", Some("003")));
        assert_eq!(unreadable.error.to_string(), "attribute Quantity: must be a number");
    }
}
