//! JSON Schemas that reject undocumented fields.

use serde_json::{Value, json};

/// Makes every schema of an object reject fields that it does not document.
pub(crate) fn reject_undocumented_fields(schema: &mut Value) {
    match schema {
        Value::Array(elements) => elements.iter_mut().for_each(reject_undocumented_fields),
        Value::Object(members) => {
            members.values_mut().for_each(reject_undocumented_fields);
            let is_object = members.get("type") == Some(&json!("object")) || members.contains_key("allOf");
            if is_object
                && members.contains_key("properties")
                && !members.contains_key("additionalProperties")
            {
                members.insert("unevaluatedProperties".into(), false.into());
            }
        }
        _ => {}
    }
}
