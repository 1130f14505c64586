//! Memory of the products whose stock was contended.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ProductId;
use tokio::time::Instant;

/// Time for which a product counts as contended after a conflict.
///
/// The first event after it is applied directly again, and finds out whether the product is
/// still contended. docs/hot-products.md has the measurements.
const MEMORY: Duration = Duration::from_secs(5);

/// Maximum number of products to remember, about 100 bytes each. The product that was contended
/// longest ago makes room for another one.
const CAPACITY: usize = 1_000;

/// The products whose stock was contended within the last seconds, as far as this process knows.
///
/// Each process learns it on its own: a first try costs little, and a shared memory would
/// cost a call for each event.
#[derive(Debug, Default)]
pub(crate) struct ContendedProducts(Mutex<BTreeMap<ProductId, Instant>>);

impl ContendedProducts {
    /// Remembers that the stock of a product is contended now.
    pub(crate) fn insert(&self, product: &ProductId) {
        self.insert_at(product, Instant::now());
    }

    /// Returns true if the stock of a product was contended within the last seconds.
    pub(crate) fn contains(&self, product: &ProductId) -> bool {
        self.contains_at(product, Instant::now())
    }

    fn insert_at(&self, product: &ProductId, now: Instant) {
        let mut products = self.lock();
        if products.len() >= CAPACITY && !products.contains_key(product) {
            let oldest = products.iter().min_by_key(|(_, since)| **since).map(|(product, _)| product.clone());
            oldest.map(|product| products.remove(&product));
        }
        products.insert(product.clone(), now);
    }

    fn contains_at(&self, product: &ProductId, now: Instant) -> bool {
        self.lock().get(product).is_some_and(|since| now.duration_since(*since) < MEMORY)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProductId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: Duration = Duration::from_millis(1);

    fn product(n: usize) -> ProductId {
        format!("p{n}").parse().unwrap()
    }

    #[test]
    fn forgets_a_product_after_some_seconds() {
        let (products, start) = (ContendedProducts::default(), Instant::now());
        assert!(!products.contains_at(&product(1), start));
        products.insert_at(&product(1), start);
        let last = start + MEMORY - INSTANT;
        assert!(products.contains_at(&product(1), last) && !products.contains_at(&product(2), last));
        assert!(!products.contains_at(&product(1), start + MEMORY));

        products.insert_at(&product(1), last);
        assert!(products.contains_at(&product(1), start + MEMORY), "a further conflict prolongs the time");
    }

    #[test]
    fn remembers_a_bounded_number_of_products() {
        let (products, start) = (ContendedProducts::default(), Instant::now());
        let mut now = start;
        for n in 0..CAPACITY {
            products.insert_at(&product(n), now);
            now += INSTANT;
        }
        products.insert_at(&product(0), now);
        products.insert_at(&product(CAPACITY), now);
        assert_eq!(products.lock().len(), CAPACITY);
        assert!(products.contains_at(&product(0), now) && products.contains_at(&product(CAPACITY), now));
        assert!(!products.contains_at(&product(1), now), "contended longest ago");
    }
}
