//! Event patterns of EventBridge rules and of event source mappings' filters. Supports the
//! operators that template.yaml uses, and panics on any other.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>

use serde_json::Value;

/// Returns true if `event` matches `pattern`.
#[must_use]
pub fn matches_pattern(pattern: &Value, event: &Value) -> bool {
    let fields = pattern.as_object().expect("a pattern is an object");
    fields.iter().all(|(name, expected)| {
        let found = event.get(name);
        match expected {
            Value::Object(_) => matches_pattern(expected, found.unwrap_or(&Value::Null)),
            Value::Array(choices) => choices.iter().any(|choice| matches_choice(choice, found)),
            other => panic!("a pattern has objects and lists, not {other}"),
        }
    })
}

fn matches_choice(choice: &Value, found: Option<&Value>) -> bool {
    match choice {
        Value::Object(operator) => match operator.iter().next() {
            Some((name, Value::Bool(expected))) if name == "exists" && operator.len() == 1 => {
                found.is_some() == *expected
            }
            Some((name, Value::Array(excluded))) if name == "anything-but" && operator.len() == 1 => {
                found.is_some_and(|found| !excluded.contains(found))
            }
            _ => panic!("unsupported operator: {choice}"),
        },
        literal => match found {
            Some(Value::Array(elements)) => elements.contains(literal),
            found => found == Some(literal),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn matches_a_value_that_is_listed() {
        let pattern = json!({"source": ["a"], "detail-type": ["X", "Y"]});
        assert!(matches_pattern(&pattern, &json!({"source": "a", "detail-type": "Y", "other": 1})));
        assert!(!matches_pattern(&pattern, &json!({"source": "a", "detail-type": "Z"})));
        assert!(!matches_pattern(&pattern, &json!({"source": "a"})));
        assert!(!matches_pattern(&pattern, &json!({"source": "b", "detail-type": "X"})));
    }

    #[test]
    fn matches_existence_at_any_depth() {
        let pattern = json!({"image": {"Event": {"Id": [{"exists": true}]}}});
        assert!(matches_pattern(&pattern, &json!({"image": {"Event": {"Id": "1"}}})));
        assert!(!matches_pattern(&pattern, &json!({"image": {"Event": {}}})));
        assert!(!matches_pattern(&pattern, &json!({"image": {}})));
        assert!(!matches_pattern(&pattern, &json!({})));
        let absent = json!({"image": {"Event": [{"exists": false}]}});
        assert!(matches_pattern(&absent, &json!({"image": {}})));
        assert!(!matches_pattern(&absent, &json!({"image": {"Event": 1}})));
    }

    #[test]
    fn matches_a_present_value_that_is_not_excluded() {
        let pattern = json!({"type": [{"anything-but": ["A", "B"]}]});
        assert!(matches_pattern(&pattern, &json!({"type": "C"})));
        assert!(!matches_pattern(&pattern, &json!({"type": "B"})));
        assert!(!matches_pattern(&pattern, &json!({})));
    }

    #[test]
    #[should_panic(expected = "unsupported operator")]
    fn panics_on_an_unsupported_operator() {
        let _ = matches_pattern(&json!({"a": [{"prefix": "x"}]}), &json!({"a": "xy"}));
    }
}
