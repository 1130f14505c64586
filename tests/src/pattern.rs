//! Event patterns, as rules of EventBridge and filters of event source mappings
//! use them. Knows what template.yaml uses, and refuses anything else.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>

use serde_json::Value;

/// Tells whether `event` matches `pattern`.
#[must_use]
pub fn matches(pattern: &Value, event: &Value) -> bool {
    let fields = pattern.as_object().expect("a pattern is an object");
    fields.iter().all(|(name, wanted)| {
        let found = event.get(name);
        match wanted {
            Value::Object(_) => {
                found.map_or_else(|| matches(wanted, &Value::Null), |found| matches(wanted, found))
            }
            Value::Array(choices) => choices.iter().any(|choice| fits(choice, found)),
            other => panic!("a pattern holds objects and lists, not {other}"),
        }
    })
}

fn fits(choice: &Value, found: Option<&Value>) -> bool {
    match choice {
        Value::Object(comparison) => match comparison.iter().next() {
            Some((name, Value::Bool(wanted))) if name == "exists" && comparison.len() == 1 => {
                found.is_some() == *wanted
            }
            Some((name, Value::Array(excluded))) if name == "anything-but" && comparison.len() == 1 => {
                found.is_some_and(|found| !excluded.contains(found))
            }
            _ => panic!("a comparison that is not known here: {choice}"),
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
    fn a_value_must_be_one_of_those_listed() {
        let pattern = json!({"source": ["a"], "detail-type": ["X", "Y"]});
        assert!(matches(&pattern, &json!({"source": "a", "detail-type": "Y", "other": 1})));
        assert!(!matches(&pattern, &json!({"source": "a", "detail-type": "Z"})));
        assert!(!matches(&pattern, &json!({"source": "a"})));
        assert!(!matches(&pattern, &json!({"source": "b", "detail-type": "X"})));
    }

    #[test]
    fn existence_is_asked_for_at_any_depth() {
        let pattern = json!({"image": {"Event": {"Id": [{"exists": true}]}}});
        assert!(matches(&pattern, &json!({"image": {"Event": {"Id": "1"}}})));
        assert!(!matches(&pattern, &json!({"image": {"Event": {}}})));
        assert!(!matches(&pattern, &json!({"image": {}})));
        assert!(!matches(&pattern, &json!({})));
        let absent = json!({"image": {"Event": [{"exists": false}]}});
        assert!(matches(&absent, &json!({"image": {}})));
        assert!(!matches(&absent, &json!({"image": {"Event": 1}})));
    }

    #[test]
    fn a_value_must_be_there_and_none_of_those_excluded() {
        let pattern = json!({"type": [{"anything-but": ["A", "B"]}]});
        assert!(matches(&pattern, &json!({"type": "C"})));
        assert!(!matches(&pattern, &json!({"type": "B"})));
        assert!(!matches(&pattern, &json!({})));
    }

    #[test]
    #[should_panic(expected = "a comparison that is not known here")]
    fn an_unknown_comparison_is_refused() {
        let _ = matches(&json!({"a": [{"prefix": "x"}]}), &json!({"a": "xy"}));
    }
}
