//! Grouping of candidates into transactions.

use std::collections::BTreeSet;

use super::candidate::Candidate;

/// Maximum actions of a transaction:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const MAX_ACTIONS: usize = 100;

/// Splits candidates into groups that each fit into one transaction. Candidates for the
/// same product are grouped together and keep their order.
pub(super) fn pack(mut candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    candidates.sort_by_cached_key(|candidate| {
        candidate.plan.order.lines().next().map(|line| line.product_id.clone())
    });
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    let mut group_products = BTreeSet::new();
    for candidate in candidates {
        let lines = candidate.plan.order.lines();
        let products: BTreeSet<_> = lines.map(|line| line.product_id.clone()).collect();
        let union: BTreeSet<_> = group_products.union(&products).cloned().collect();
        match groups.last_mut() {
            Some(group) if group.len() + 1 + union.len() <= MAX_ACTIONS => {
                group.push(candidate);
                group_products = union;
            }
            _ => {
                group_products = products;
                groups.push(vec![candidate]);
            }
        }
    }
    groups
}
