//! Pages of lists.

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// Entries of the page.
    pub entries: Vec<T>,
    /// Position of the last entry in the list, if the list may have more.
    pub last: Option<String>,
}
