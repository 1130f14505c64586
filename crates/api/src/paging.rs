//! Paging of lists: the query parameters `limit` and `nextToken`.

use std::str::FromStr;

use crate::page_token;
use crate::problem::Problem;
use crate::request::Request;
use crate::violation::{Rule, Violation};

/// Entries of a page if the request has no `limit`.
const DEFAULT_LIMIT: i32 = 20;
/// Maximum entries of a page: DynamoDB reads at most 100 items in one batch.
const MAX_LIMIT: i32 = 100;

/// The page that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<T> {
    /// Maximum number of entries.
    pub limit: i32,
    /// Position of the last entry of the previous page.
    pub after: Option<T>,
}

impl<T: FromStr> PageRequest<T> {
    /// Parses the query parameters of a request.
    ///
    /// # Errors
    /// A [`Problem`] of kind `Invalid` names each parameter that breaks a rule.
    pub fn parse(request: &Request) -> Result<Self, Problem> {
        let limit = request.query("limit").map_or(Some(DEFAULT_LIMIT), parse_limit);
        let token = request.query("nextToken").map(page_token::decode);
        match (limit, token) {
            (Some(limit), None) => Ok(Self { limit, after: None }),
            (Some(limit), Some(Some(after))) => Ok(Self { limit, after: Some(after) }),
            (limit, token) => {
                let limit = limit.is_none().then(invalid_limit);
                let token = matches!(token, Some(None)).then(invalid_token);
                Err(Problem::invalid(limit.into_iter().chain(token).collect()))
            }
        }
    }
}

fn parse_limit(text: &str) -> Option<i32> {
    text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
}

fn invalid_limit() -> Violation {
    Violation::new("limit", Rule::Range, format!("must be a whole number from 1 to {MAX_LIMIT}"))
}

fn invalid_token() -> Violation {
    Violation::new("nextToken", Rule::InvalidToken, "must be a token that this list returned")
}
