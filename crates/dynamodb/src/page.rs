//! Pages of lists.

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// Entries of the page.
    pub entries: Vec<T>,
    /// Id of the last entry, if the list may have more.
    pub last: Option<String>,
}
