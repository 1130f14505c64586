//! Items of the Customers table.

use domain::{Customer, Revision};

use crate::attribute::{CUSTOMER_ID, EMAIL, NAME, REVISION};
use crate::decode::{ItemDecodeError, required_text};
use crate::value::{Item, item, text};

/// Encodes a customer with its revision.
#[must_use]
pub fn encode_customer(customer: &Customer, revision: &Revision) -> Item {
    item([
        (CUSTOMER_ID, text(&customer.id)),
        (EMAIL, text(&customer.email)),
        (NAME, text(&customer.name)),
        (REVISION, text(revision)),
    ])
}

/// Decodes a customer. Email address and name are not checked: an older item may break the
/// rules of requests.
///
/// # Errors
/// [`ItemDecodeError`] names the attribute that is missing or invalid.
pub fn decode_customer(item: &Item) -> Result<Customer, ItemDecodeError> {
    Ok(Customer {
        id: required_text(item, CUSTOMER_ID)?,
        email: required_text(item, EMAIL)?,
        name: required_text(item, NAME)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revision::decode_revision;

    fn customer(email: &str, name: &str) -> Customer {
        Customer { id: "001".parse().unwrap(), email: email.into(), name: name.into() }
    }

    #[test]
    fn round_trips_with_its_revision() {
        let customer = customer("alice@example.com", "Alice Johnson");
        let revision = Revision::following(None, 1, &[2; 10]);
        let item = encode_customer(&customer, &revision);
        assert_eq!((decode_customer(&item), decode_revision(&item)), (Ok(customer), Ok(revision)));
    }

    #[test]
    fn decodes_values_that_a_request_must_not_have() {
        let unusual = customer("no address", &" \u{202e}".repeat(300));
        assert_eq!(decode_customer(&encode_customer(&unusual, &Revision::initial())), Ok(unusual));
    }
}
