//! The mix of requests.

use domain::{OrderId, ProductId};
use fastrand::Rng;

use crate::api_client::ApiRequest;

/// Units of a restock.
const RESTOCKED_UNITS: u32 = 10;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RequestKind {
    Order,
    Cancel,
    Restock,
}

impl RequestKind {
    pub(super) const ALL: [Self; 3] = [Self::Order, Self::Cancel, Self::Restock];

    /// Returns the name in reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Cancel => "cancel",
            Self::Restock => "restock",
        }
    }
}

/// A request to send.
#[derive(Debug)]
pub(super) struct PlannedRequest {
    pub(super) kind: RequestKind,
    /// The order that it cancels.
    pub(super) canceled: Option<OrderId>,
    pub(super) request: ApiRequest,
}

/// The shares of the kinds, and the subjects of the requests.
#[derive(Debug)]
pub(super) struct Mix {
    /// Percentages.
    pub(super) cancels: u8,
    pub(super) restocks: u8,
    pub(super) customer: String,
    pub(super) products: Vec<ProductId>,
    /// Start of the idempotency keys, unique for each run.
    pub(super) run: String,
}

impl Mix {
    /// Returns the next request, or nothing without products. It cancels one of the orders in `placed`, or places
    /// an order if there is none.
    pub(super) fn next(&self, n: usize, placed: &mut Vec<OrderId>, rng: &mut Rng) -> Option<PlannedRequest> {
        let (drawn, key) = (rng.u8(..100), format!("{}-{n}", self.run));
        if drawn < self.restocks {
            let request = ApiRequest::restock(rng.choice(&self.products)?, RESTOCKED_UNITS, key);
            return Some(PlannedRequest { kind: RequestKind::Restock, canceled: None, request });
        }
        if drawn < self.restocks.saturating_add(self.cancels) && !placed.is_empty() {
            let order = placed.swap_remove(rng.usize(..placed.len()));
            let request = ApiRequest::cancel(&order, key);
            return Some(PlannedRequest { kind: RequestKind::Cancel, canceled: Some(order), request });
        }
        let product = rng.choice(&self.products)?;
        let request = ApiRequest::place_order(&self.customer, product.as_str(), 1, key);
        Some(PlannedRequest { kind: RequestKind::Order, canceled: None, request })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn mix(cancels: u8, restocks: u8) -> Mix {
        let products = ["001", "002"].map(|id| id.parse().unwrap()).to_vec();
        Mix { cancels, restocks, customer: "c".to_owned(), products, run: "r".to_owned() }
    }

    #[test]
    fn has_the_given_shares_and_a_key_for_each_request() {
        let (mix, mut rng) = (mix(20, 10), Rng::with_seed(1));
        let mut placed: Vec<_> = (0..1000).map(|n| format!("o{n}").parse().unwrap()).collect();
        let requests: Vec<_> = (0..1000).map(|n| mix.next(n, &mut placed, &mut rng).unwrap()).collect();
        let count = |kind| requests.iter().filter(|planned| planned.kind == kind).count();
        assert!((60..140).contains(&count(RequestKind::Restock)));
        assert!((150..250).contains(&count(RequestKind::Cancel)));
        let keys: BTreeSet<_> = requests.iter().map(|planned| &planned.request.idempotency_key).collect();
        assert_eq!((keys.len(), placed.len()), (1000, 1000 - count(RequestKind::Cancel)));
    }

    #[test]
    fn places_an_order_if_there_is_none_to_cancel() {
        let next = |n, placed: &[&str]| {
            let mut placed = placed.iter().map(|id| id.parse().unwrap()).collect();
            mix(100, 0).next(n, &mut placed, &mut Rng::with_seed(1)).unwrap()
        };
        let placement = next(7, &[]);
        assert_eq!((placement.kind, placement.request.path.as_str()), (RequestKind::Order, "/order"));
        assert_eq!(placement.request.idempotency_key, "r-7");
        let cancel = next(8, &["o1"]);
        assert_eq!((cancel.kind, cancel.request.path.as_str()), (RequestKind::Cancel, "/order/o1/cancel"));
        assert_eq!(cancel.canceled.unwrap().as_str(), "o1");
    }
}
