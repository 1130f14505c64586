//! The selection of inventory events that a deployment publishes.

use std::str::FromStr;

use super::kind::InventoryEventKind;

/// The inventory events that are published: the parameter `InventoryEvents`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InventoryEvents {
    /// Every kind.
    All,
    /// The kinds that report a crossed threshold.
    Thresholds,
    /// No kind.
    None,
}

/// A text that names no selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be all, thresholds or none")]
pub struct InventoryEventsError;

impl InventoryEvents {
    /// Returns true if events of this kind are published.
    #[must_use]
    pub fn include(self, kind: InventoryEventKind) -> bool {
        match self {
            Self::All => true,
            Self::Thresholds => kind != InventoryEventKind::Updated,
            Self::None => false,
        }
    }
}

impl FromStr for InventoryEvents {
    type Err = InventoryEventsError;

    fn from_str(text: &str) -> Result<Self, InventoryEventsError> {
        match text {
            "all" => Ok(Self::All),
            "thresholds" => Ok(Self::Thresholds),
            "none" => Ok(Self::None),
            _ => Err(InventoryEventsError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_the_kinds_to_publish() {
        let included = |text: &str| {
            let selection: InventoryEvents = text.parse().unwrap();
            InventoryEventKind::ALL.map(|kind| selection.include(kind))
        };
        assert_eq!(included("all"), [true; 4]);
        assert_eq!(included("thresholds"), [false, true, true, true]);
        assert_eq!(included("none"), [false; 4]);
        for unknown in ["", "All", "some"] {
            assert_eq!(unknown.parse::<InventoryEvents>(), Err(InventoryEventsError));
        }
    }
}
