//! The shipment of an order.

use serde::{Deserialize, Serialize};

use crate::short_text::ShortText;

/// The carrier of a shipped order and the number that tracks it, if they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// Company that transports the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<ShortText>,
    /// Number that the carrier gave the parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<ShortText>,
}

impl Shipment {
    /// Returns true if this shipment has every value that `repeated` has. A repeated
    /// request may omit values.
    #[must_use]
    pub fn covers(&self, repeated: &Self) -> bool {
        let covers = |own: &Option<ShortText>, other: &Option<ShortText>| other.is_none() || own == other;
        covers(&self.carrier, &repeated.carrier) && covers(&self.tracking_number, &repeated.tracking_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipment(carrier: Option<&str>, tracking_number: Option<&str>) -> Shipment {
        let text = |text: &str| text.parse().unwrap();
        Shipment { carrier: carrier.map(text), tracking_number: tracking_number.map(text) }
    }

    #[test]
    fn covers_the_same_and_omitted_values() {
        let shipped = shipment(Some("DHL"), Some("42"));
        for same in [(Some("DHL"), Some("42")), (Some("DHL"), None), (None, Some("42")), (None, None)] {
            assert!(shipped.covers(&shipment(same.0, same.1)), "{same:?}");
        }
        for other in [(Some("UPS"), Some("42")), (Some("DHL"), Some("43")), (None, Some("43"))] {
            assert!(!shipped.covers(&shipment(other.0, other.1)), "{other:?}");
        }
        assert!(!shipment(Some("DHL"), None).covers(&shipped));
    }

    #[test]
    fn absent_values_have_no_field() {
        let json = serde_json::to_string(&shipment(Some("DHL"), None)).unwrap();
        assert_eq!(json, r#"{"carrier":"DHL"}"#);
        assert_eq!(serde_json::from_str::<Shipment>("{}").unwrap(), Shipment::default());
        assert!(serde_json::from_str::<Shipment>(r#"{"carrier":""}"#).is_err());
    }
}
