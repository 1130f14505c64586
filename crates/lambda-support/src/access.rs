//! Who may do what: whether the API is open to everybody, and who sends a request.
//!
//! Who sends it is told by the claims of an Amazon Cognito access token that API
//! Gateway's authorizer has verified, and by nothing else: neither body nor
//! header names a caller.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>

use std::env;
use std::str::FromStr;

use domain::CustomerId;

use crate::problem::{Problem, ProblemKind};
use crate::rest::Request;

/// Lets a customer place, see, list and cancel that customer's own orders.
const CUSTOMER_SCOPE: &str = "orders/customer";
/// The scope of a user who signs in with Cognito's own API instead of OAuth.
/// Cognito gives it to users only, never to a service.
const SIGNED_IN_SCOPE: &str = "aws.cognito.signin.user.admin";
/// Lets the fulfilment service see any order, ship and deliver it.
const FULFILMENT_SCOPE: &str = "orders/fulfilment";

/// Whom the API serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, with everything: for trying things out.
    Open,
    /// Whoever has an access token of the user pool, with what it allows.
    Cognito,
}

/// A function was deployed without a word on whom it serves. There is no
/// default, so that none can leave an API open by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable API_ACCESS must be open or cognito")]
pub struct UnknownAccess;

impl FromStr for Access {
    type Err = UnknownAccess;

    fn from_str(text: &str) -> Result<Self, UnknownAccess> {
        match text {
            "open" => Ok(Self::Open),
            "cognito" => Ok(Self::Cognito),
            _ => Err(UnknownAccess),
        }
    }
}

impl Access {
    /// Reads `API_ACCESS`.
    ///
    /// # Errors
    /// [`UnknownAccess`] if it is absent, or neither `open` nor `cognito`.
    pub fn from_env() -> Result<Self, UnknownAccess> {
        env::var("API_ACCESS").map_err(|_| UnknownAccess)?.parse()
    }

    /// Who sends a request.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Unauthorized` if that must be known and is not:
    /// there are no claims, or not those of an access token.
    pub fn caller(self, request: &Request) -> Result<Caller, Problem> {
        match self {
            Self::Open => Ok(Caller::Anybody),
            Self::Cognito => Caller::of_claims(|name| request.claim(name)),
        }
    }
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody, whom an open API does not ask for a name.
    Anybody,
    /// The bearer of an access token.
    Bearer {
        /// The customer who signed in, if the token lets one act.
        customer: Option<CustomerId>,
        /// Whether the token has the scope of the fulfilment service.
        fulfils: bool,
    },
}

impl Caller {
    /// Users are named like the customers that they are: only an administrator
    /// makes them, and Cognito lets nobody change a user's name.
    fn of_claims<'a>(claim: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Problem> {
        if claim("token_use") != Some("access") {
            return Err(Problem::new(ProblemKind::Unauthorized, "send an access token"));
        }
        let has = |wanted| claim("scope").unwrap_or_default().split_ascii_whitespace().any(|it| it == wanted);
        let customer = (has(CUSTOMER_SCOPE) || has(SIGNED_IN_SCOPE)).then(|| claim("username")).flatten();
        Ok(Self::Bearer {
            customer: customer.and_then(|name| name.parse().ok()),
            fulfils: has(FULFILMENT_SCOPE),
        })
    }

    /// The orders that the caller may place, list and cancel.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` for a caller who is no customer.
    pub fn own_orders(&self) -> Result<Reach, Problem> {
        match self {
            Self::Anybody => Ok(Reach::Everybody),
            Self::Bearer { customer: Some(id), .. } => Ok(Reach::Customer(id.clone())),
            Self::Bearer { customer: None, .. } => Err(forbidden("the token lets no customer act")),
        }
    }

    /// The orders that the caller may see.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` for a caller who is neither a customer
    /// nor the fulfilment service.
    pub fn visible_orders(&self) -> Result<Reach, Problem> {
        match self {
            Self::Anybody | Self::Bearer { fulfils: true, .. } => Ok(Reach::Everybody),
            Self::Bearer { .. } => self.own_orders(),
        }
    }

    /// The orders that the caller may ship and deliver.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` for everybody but the fulfilment service.
    pub fn orders_to_fulfil(&self) -> Result<Reach, Problem> {
        match self {
            Self::Anybody | Self::Bearer { fulfils: true, .. } => Ok(Reach::Everybody),
            Self::Bearer { fulfils: false, .. } => {
                Err(forbidden("the token lacks the scope orders/fulfilment"))
            }
        }
    }
}

/// Whose orders somebody may do something with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's.
    Everybody,
    /// One customer's.
    Customer(CustomerId),
}

impl Reach {
    /// Whether an order of `owner` is among them.
    #[must_use]
    pub fn covers(&self, owner: &CustomerId) -> bool {
        match self {
            Self::Everybody => true,
            Self::Customer(id) => id == owner,
        }
    }

    /// For a request that names whose orders it is about.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Forbidden` if orders of `owner` are out of reach.
    pub fn check(&self, owner: &CustomerId) -> Result<(), Problem> {
        if self.covers(owner) { Ok(()) } else { Err(forbidden("the request is about another customer")) }
    }
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(ProblemKind::Forbidden, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(claims: &[(&'static str, &'static str)]) -> Result<Caller, ProblemKind> {
        let claim = |wanted: &str| claims.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        Caller::of_claims(claim).map_err(|problem| problem.kind)
    }

    fn bearer(scope: &'static str, username: &'static str) -> Caller {
        caller(&[("token_use", "access"), ("scope", scope), ("username", username)]).unwrap()
    }

    fn reach(reach: Result<Reach, Problem>) -> Result<Reach, ProblemKind> {
        reach.map_err(|problem| problem.kind)
    }

    fn customer(id: &str) -> CustomerId {
        id.parse().unwrap()
    }

    #[test]
    fn access_is_one_of_two_words_and_nothing_else() {
        assert_eq!("open".parse(), Ok(Access::Open));
        assert_eq!("cognito".parse(), Ok(Access::Cognito));
        for unknown in ["", "Open", "cognito ", "closed", "true"] {
            assert_eq!(unknown.parse::<Access>(), Err(UnknownAccess), "{unknown:?}");
        }
    }

    #[test]
    fn only_an_access_token_tells_who_calls() {
        let refused = Err(ProblemKind::Unauthorized);
        assert_eq!(caller(&[]), refused);
        let scope = ("scope", "orders/customer orders/fulfilment");
        assert_eq!(caller(&[scope, ("username", "001")]), refused);
        assert_eq!(caller(&[("token_use", "id"), scope, ("username", "001")]), refused);
    }

    #[test]
    fn a_customer_reaches_own_orders_and_fulfils_none() {
        for scope in ["orders/customer", "openid orders/customer", "aws.cognito.signin.user.admin"] {
            let caller = bearer(scope, "001");
            let own = Reach::Customer(customer("001"));
            assert_eq!(reach(caller.own_orders()), Ok(own.clone()), "{scope}");
            assert_eq!(reach(caller.visible_orders()), Ok(own), "{scope}");
            assert_eq!(reach(caller.orders_to_fulfil()), Err(ProblemKind::Forbidden), "{scope}");
        }
    }

    #[test]
    fn the_fulfilment_service_reaches_every_order_and_owns_none() {
        let caller = caller(&[("token_use", "access"), ("scope", "orders/fulfilment")]).unwrap();
        assert_eq!(reach(caller.own_orders()), Err(ProblemKind::Forbidden));
        assert_eq!(reach(caller.visible_orders()), Ok(Reach::Everybody));
        assert_eq!(reach(caller.orders_to_fulfil()), Ok(Reach::Everybody));
    }

    #[test]
    fn a_token_without_a_scope_of_ours_reaches_no_order() {
        let scopes = ["", "openid", "orders/customers", "orders/customer,orders/fulfilment", "fulfilment"];
        for caller in scopes.map(|scope| bearer(scope, "001")) {
            for orders in [caller.own_orders(), caller.visible_orders(), caller.orders_to_fulfil()] {
                assert_eq!(reach(orders), Err(ProblemKind::Forbidden), "{caller:?}");
            }
        }
    }

    #[test]
    fn a_user_whose_name_no_customer_can_have_is_no_customer() {
        for name in ["", "a b", "alice@example.com"] {
            let caller = bearer("orders/customer", name);
            assert_eq!(reach(caller.own_orders()), Err(ProblemKind::Forbidden), "{name}");
        }
        let nameless = caller(&[("token_use", "access"), ("scope", "orders/customer")]).unwrap();
        assert_eq!(reach(nameless.own_orders()), Err(ProblemKind::Forbidden));
    }

    #[test]
    fn anybody_reaches_everything_where_the_api_is_open() {
        for orders in [Caller::Anybody.own_orders(), Caller::Anybody.orders_to_fulfil()] {
            assert_eq!(reach(orders), Ok(Reach::Everybody));
        }
    }

    #[test]
    fn a_reach_covers_its_customer_and_no_other() {
        let one = Reach::Customer(customer("001"));
        assert!(one.covers(&customer("001")) && !one.covers(&customer("0010")));
        assert_eq!(one.check(&customer("001")), Ok(()));
        assert_eq!(one.check(&customer("002")).unwrap_err().kind, ProblemKind::Forbidden);
        assert!(Reach::Everybody.covers(&customer("002")));
    }
}
