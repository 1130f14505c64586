//! The mix of requests.

use fastrand::Rng;
use serde_json::json;

use crate::api_client::ApiRequest;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Order,
    Cancel,
    Restock,
}

impl Action {
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

/// The shares of the kinds, and what the requests are about.
#[derive(Debug)]
pub(super) struct Mix {
    /// Percentages.
    pub(super) cancels: u8,
    pub(super) restocks: u8,
    pub(super) customer: String,
    pub(super) products: Vec<String>,
    /// Start of the idempotency keys, unique for each run.
    pub(super) run: String,
}

impl Mix {
    /// Returns the next request. It cancels one of the orders in `placed`, or places an order if there is none.
    pub(super) fn next(&self, n: usize, placed: &mut Vec<String>, rng: &mut Rng) -> (Action, ApiRequest) {
        let drawn = rng.u8(..100);
        let action = if drawn < self.restocks {
            Action::Restock
        } else if drawn < self.restocks.saturating_add(self.cancels) && !placed.is_empty() {
            Action::Cancel
        } else {
            Action::Order
        };
        let (path, body) = match action {
            Action::Order => ("/order".to_owned(), self.order(rng)),
            Action::Cancel => {
                let order = placed.swap_remove(rng.usize(..placed.len()));
                (format!("/order/{order}/cancel"), String::new())
            }
            Action::Restock => {
                let body = json!({"delta": 10, "reason": "received"}).to_string();
                (format!("/inventory/{}/adjustments", self.product(rng)), body)
            }
        };
        (action, ApiRequest { path, body, idempotency_key: format!("{}-{n}", self.run) })
    }

    fn order(&self, rng: &mut Rng) -> String {
        let line = json!({"productId": self.product(rng), "quantity": 1});
        json!({"customerId": self.customer, "items": [line]}).to_string()
    }

    fn product(&self, rng: &mut Rng) -> &str {
        rng.choice(&self.products).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(cancels: u8, restocks: u8) -> Mix {
        let products = ["001", "002"].map(str::to_owned).to_vec();
        Mix { cancels, restocks, customer: "c".to_owned(), products, run: "r".to_owned() }
    }

    #[test]
    fn has_the_given_shares_and_a_key_for_each_request() {
        let (mix, mut rng) = (mix(20, 10), Rng::with_seed(1));
        let mut placed: Vec<_> = (0..1000).map(|n| format!("o{n}")).collect();
        let requests: Vec<_> = (0..1000).map(|n| mix.next(n, &mut placed, &mut rng)).collect();
        let count = |action| requests.iter().filter(|(found, _)| *found == action).count();
        assert!((60..140).contains(&count(Action::Restock)) && (150..250).contains(&count(Action::Cancel)));
        let keys: std::collections::BTreeSet<_> =
            requests.iter().map(|(_, request)| &request.idempotency_key).collect();
        assert_eq!((keys.len(), placed.len()), (1000, 1000 - count(Action::Cancel)));
    }

    #[test]
    fn places_an_order_if_there_is_none_to_cancel() {
        let (action, request) = mix(100, 0).next(7, &mut Vec::new(), &mut Rng::with_seed(1));
        assert_eq!(
            (action, request.path.as_str(), request.idempotency_key.as_str()),
            (Action::Order, "/order", "r-7")
        );
        let (action, request) = mix(100, 0).next(8, &mut vec!["o1".to_owned()], &mut Rng::with_seed(1));
        assert_eq!((action, request.path.as_str()), (Action::Cancel, "/order/o1/cancel"));
    }
}
