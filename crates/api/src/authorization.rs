//! Authorization: the caller of a request and the orders that the caller may use.
//!
//! The caller is identified only by the claims of an Amazon Cognito access token
//! that the authorizer of API Gateway has verified, never by a header or a body.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>

use std::env;
use std::str::FromStr;

use domain::{CustomerId, OrderScope};

use crate::problem::{Problem, ProblemKind};
use crate::request::Request;

/// Scope of a customer, who may place, view, list and cancel their own orders.
const CUSTOMER_SCOPE: &str = "orders/customer";
/// Scope of a user who signs in with the Cognito API instead of OAuth. Cognito
/// grants it to users only, never to a service.
const SIGNED_IN_SCOPE: &str = "aws.cognito.signin.user.admin";
/// Scope of the fulfillment service, which may view, ship and deliver every order.
const FULFILLMENT_SCOPE: &str = "orders/fulfilment";
/// Scope of an administrator, who may manage customers, products and stock.
const ADMIN_SCOPE: &str = "orders/admin";

/// The authorization mode of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// No authorization, for evaluation: every caller may do everything.
    Open,
    /// Callers need an access token of the user pool.
    Cognito,
}

/// An `API_ACCESS` variable that is missing or invalid. There is no default, so a
/// misconfigured API is never open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("environment variable API_ACCESS must be open or cognito")]
pub struct AuthModeError;

impl FromStr for AuthMode {
    type Err = AuthModeError;

    fn from_str(text: &str) -> Result<Self, AuthModeError> {
        match text {
            "open" => Ok(Self::Open),
            "cognito" => Ok(Self::Cognito),
            _ => Err(AuthModeError),
        }
    }
}

impl AuthMode {
    /// Reads the environment variable `API_ACCESS`.
    ///
    /// # Errors
    /// [`AuthModeError`] if it is missing, or neither `open` nor `cognito`.
    pub fn from_env() -> Result<Self, AuthModeError> {
        env::var("API_ACCESS").map_err(|_| AuthModeError)?.parse()
    }

    /// Identifies the caller of a request.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Unauthorized` if the mode requires an access token and
    /// the request has none.
    pub fn authenticate(self, request: &Request) -> Result<Caller, Problem> {
        match self {
            Self::Open => Ok(Caller::Anonymous),
            Self::Cognito => Caller::from_claims(|name| request.claim(name)),
        }
    }
}

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A caller of an open API.
    Anonymous,
    /// The bearer of an access token.
    Bearer {
        /// The customer, if the token has a customer scope and its username is a valid customer id.
        customer: Option<CustomerId>,
        /// True if the token has the fulfillment scope.
        can_fulfill: bool,
        /// True if the token has the administrator scope.
        is_admin: bool,
    },
}

impl Caller {
    /// Reads the claims of a token. The username is the customer id: only an
    /// administrator creates users, and Cognito does not let users rename themselves.
    fn from_claims<'a>(claim: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Problem> {
        if claim("token_use") != Some("access") {
            return Err(Problem::new(ProblemKind::Unauthorized, "an access token is required"));
        }
        let scopes = claim("scope").unwrap_or_default();
        let has_scope = |scope| scopes.split_ascii_whitespace().any(|granted| granted == scope);
        let is_customer = has_scope(CUSTOMER_SCOPE) || has_scope(SIGNED_IN_SCOPE);
        let username = claim("username").filter(|_| is_customer);
        Ok(Self::Bearer {
            customer: username.and_then(|name| name.parse().ok()),
            can_fulfill: has_scope(FULFILLMENT_SCOPE),
            is_admin: has_scope(ADMIN_SCOPE),
        })
    }

    /// Returns the orders that the caller may place, list and cancel.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` if the caller is not a customer.
    pub fn require_customer(&self) -> Result<OrderScope, Problem> {
        match self {
            Self::Anonymous => Ok(OrderScope::All),
            Self::Bearer { customer: Some(id), .. } => Ok(OrderScope::OwnedBy(id.clone())),
            Self::Bearer { customer: None, .. } => Err(forbidden("token does not identify a customer")),
        }
    }

    /// Returns the orders that the caller may view.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` if the caller is neither a customer nor the
    /// fulfillment service.
    pub fn require_viewer(&self) -> Result<OrderScope, Problem> {
        match self {
            Self::Anonymous | Self::Bearer { can_fulfill: true, .. } => Ok(OrderScope::All),
            Self::Bearer { .. } => self.require_customer(),
        }
    }

    /// Returns the orders that the caller may ship and deliver.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` if the caller is not the fulfillment service.
    pub fn require_fulfillment(&self) -> Result<OrderScope, Problem> {
        match self {
            Self::Anonymous | Self::Bearer { can_fulfill: true, .. } => Ok(OrderScope::All),
            Self::Bearer { can_fulfill: false, .. } => Err(forbidden("token lacks scope orders/fulfilment")),
        }
    }

    /// Checks that the caller may manage the catalog and the stock.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` if the caller is not an administrator.
    pub fn require_admin(&self) -> Result<(), Problem> {
        match self {
            Self::Anonymous | Self::Bearer { is_admin: true, .. } => Ok(()),
            Self::Bearer { is_admin: false, .. } => Err(forbidden("token lacks scope orders/admin")),
        }
    }

    /// Checks that the caller may view and change the record of `customer`.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` if the caller is neither that customer nor an
    /// administrator.
    pub fn require_customer_record(&self, customer: &CustomerId) -> Result<(), Problem> {
        if self.require_admin().is_ok() {
            return Ok(());
        }
        require_owner(&self.require_customer()?, customer)
    }
}

/// Checks that a request about a customer's orders stays in scope.
///
/// # Errors
/// A [`Problem`] of kind `Forbidden` if the orders of `owner` are out of scope.
pub fn require_owner(scope: &OrderScope, owner: &CustomerId) -> Result<(), Problem> {
    if scope.includes(owner) { Ok(()) } else { Err(forbidden("token belongs to a different customer")) }
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(ProblemKind::Forbidden, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(claims: &[(&'static str, &'static str)]) -> Result<Caller, ProblemKind> {
        let claim =
            |requested: &str| claims.iter().find(|(name, _)| *name == requested).map(|(_, value)| *value);
        Caller::from_claims(claim).map_err(|problem| problem.kind)
    }

    fn bearer(scope: &'static str, username: &'static str) -> Caller {
        caller(&[("token_use", "access"), ("scope", scope), ("username", username)]).unwrap()
    }

    fn kind(scope: Result<OrderScope, Problem>) -> Result<OrderScope, ProblemKind> {
        scope.map_err(|problem| problem.kind)
    }

    fn customer(id: &str) -> CustomerId {
        id.parse().unwrap()
    }

    #[test]
    fn parses_the_two_modes_only() {
        assert_eq!("open".parse(), Ok(AuthMode::Open));
        assert_eq!("cognito".parse(), Ok(AuthMode::Cognito));
        for unknown in ["", "Open", "cognito ", "closed", "true"] {
            assert_eq!(unknown.parse::<AuthMode>(), Err(AuthModeError), "{unknown:?}");
        }
    }

    #[test]
    fn requires_an_access_token() {
        let unauthorized = Err(ProblemKind::Unauthorized);
        assert_eq!(caller(&[]), unauthorized);
        let scope = ("scope", "orders/customer orders/fulfilment");
        assert_eq!(caller(&[scope, ("username", "001")]), unauthorized);
        assert_eq!(caller(&[("token_use", "id"), scope, ("username", "001")]), unauthorized);
    }

    #[test]
    fn a_customer_may_use_only_their_own_orders() {
        for scope in ["orders/customer", "openid orders/customer", "aws.cognito.signin.user.admin"] {
            let caller = bearer(scope, "001");
            let own = OrderScope::OwnedBy(customer("001"));
            assert_eq!(kind(caller.require_customer()), Ok(own.clone()), "{scope}");
            assert_eq!(kind(caller.require_viewer()), Ok(own), "{scope}");
            assert_eq!(kind(caller.require_fulfillment()), Err(ProblemKind::Forbidden), "{scope}");
        }
    }

    #[test]
    fn the_fulfillment_service_may_view_and_fulfill_every_order() {
        let caller = caller(&[("token_use", "access"), ("scope", "orders/fulfilment")]).unwrap();
        assert_eq!(kind(caller.require_customer()), Err(ProblemKind::Forbidden));
        assert_eq!(kind(caller.require_viewer()), Ok(OrderScope::All));
        assert_eq!(kind(caller.require_fulfillment()), Ok(OrderScope::All));
    }

    #[test]
    fn an_administrator_may_manage_every_customer_but_no_orders() {
        let admin = caller(&[("token_use", "access"), ("scope", "orders/admin")]).unwrap();
        assert_eq!(admin.require_admin(), Ok(()));
        assert_eq!(admin.require_customer_record(&customer("001")), Ok(()));
        for orders in [admin.require_customer(), admin.require_viewer(), admin.require_fulfillment()] {
            assert_eq!(kind(orders), Err(ProblemKind::Forbidden));
        }
    }

    #[test]
    fn a_customer_may_change_only_their_own_record() {
        let caller = bearer("orders/customer", "001");
        assert_eq!(caller.require_customer_record(&customer("001")), Ok(()));
        let rejected = caller.require_customer_record(&customer("002")).unwrap_err();
        assert_eq!(rejected.kind, ProblemKind::Forbidden);
        assert_eq!(caller.require_admin().unwrap_err().kind, ProblemKind::Forbidden);
        let fulfillment = bearer("orders/fulfilment", "001");
        assert!(fulfillment.require_customer_record(&customer("001")).is_err());
    }

    #[test]
    fn a_token_without_a_known_scope_gives_no_access() {
        let scopes = [
            "",
            "openid",
            "customer",
            "orders/customers",
            "orders/fulfillment",
            "orders/admins",
            "orders/customer,orders/fulfilment",
        ];
        for caller in scopes.map(|scope| bearer(scope, "001")) {
            for orders in [caller.require_customer(), caller.require_viewer(), caller.require_fulfillment()] {
                assert_eq!(kind(orders), Err(ProblemKind::Forbidden), "{caller:?}");
            }
            assert!(caller.require_admin().is_err(), "{caller:?}");
            assert!(caller.require_customer_record(&customer("001")).is_err(), "{caller:?}");
        }
    }

    #[test]
    fn a_username_that_is_not_a_customer_id_gives_no_access() {
        for name in ["", "a b", "alice@example.com"] {
            let caller = bearer("orders/customer", name);
            assert_eq!(kind(caller.require_customer()), Err(ProblemKind::Forbidden), "{name}");
        }
        let nameless = caller(&[("token_use", "access"), ("scope", "orders/customer")]).unwrap();
        assert_eq!(kind(nameless.require_customer()), Err(ProblemKind::Forbidden));
    }

    #[test]
    fn an_open_api_allows_everything() {
        for orders in [Caller::Anonymous.require_customer(), Caller::Anonymous.require_fulfillment()] {
            assert_eq!(kind(orders), Ok(OrderScope::All));
        }
    }

    #[test]
    fn rejects_another_customer() {
        let scope = OrderScope::OwnedBy(customer("001"));
        assert_eq!(require_owner(&scope, &customer("001")), Ok(()));
        assert_eq!(require_owner(&scope, &customer("002")).unwrap_err().kind, ProblemKind::Forbidden);
    }
}
