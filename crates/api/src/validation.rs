//! Validation of a request as a whole.

use crate::json_reader::BodyError;
use crate::problem::Problem;
use crate::violation::Violation;

/// Combines a parsed body with parsed headers, so that one response lists the violations of both.
///
/// # Errors
/// A [`Problem`] of kind `NotJson` or `Invalid`.
pub fn combine<T, H>(
    body: Result<T, BodyError>,
    headers: Result<H, Vec<Violation>>,
) -> Result<(T, H), Problem> {
    match (body, headers) {
        (Ok(body), Ok(headers)) => Ok((body, headers)),
        (Ok(_), Err(violations)) => Err(Problem::invalid(violations)),
        (Err(error @ BodyError::NotJson(_)), _) => Err(error.into()),
        (Err(BodyError::Invalid(mut violations)), headers) => {
            violations.extend(headers.err().into_iter().flatten());
            Err(Problem::invalid(violations))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemKind;
    use crate::violation::Rule;

    fn violation(pointer: &str) -> Vec<Violation> {
        vec![Violation::new(pointer, Rule::Format, "")]
    }

    fn pointers(body: Result<(), BodyError>, headers: Result<(), Vec<Violation>>) -> Vec<String> {
        let errors = combine(body, headers).unwrap_err().errors;
        errors.into_iter().map(|violation| violation.pointer).collect()
    }

    #[test]
    fn lists_the_violations_of_body_and_headers() {
        let invalid_body = || Err(BodyError::Invalid(violation("#/name")));
        assert_eq!(pointers(invalid_body(), Ok(())), ["#/name"]);
        assert_eq!(pointers(Ok(()), Err(violation("If-Match"))), ["If-Match"]);
        assert_eq!(pointers(invalid_body(), Err(violation("If-Match"))), ["#/name", "If-Match"]);
        assert_eq!(combine(Ok(1), Ok(2)), Ok((1, 2)));
    }

    #[test]
    fn a_body_that_is_not_json_is_reported_alone() {
        let syntax = serde_json::from_str::<()>("{").unwrap_err();
        let problem = combine::<(), ()>(Err(BodyError::NotJson(syntax)), Err(violation("If-Match")));
        let problem = problem.unwrap_err();
        assert_eq!((problem.kind, problem.errors), (ProblemKind::NotJson, Vec::new()));
    }
}
