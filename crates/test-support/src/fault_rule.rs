//! Rules that choose the DynamoDB calls that fail.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::aws_error::AwsError;
use crate::fault::Fault;
use crate::gate::Gate;

/// A shared list of rules. The first rule that applies to a call wins.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultRules(Arc<Mutex<Vec<FaultRule>>>);

#[derive(Debug)]
struct FaultRule {
    /// The operation whose calls the rule applies to, or none for all operations.
    operation: Option<String>,
    skip: usize,
    times: usize,
    fault: Fault,
}

impl FaultRules {
    /// Starts a rule for the next call of an operation, or of any operation.
    pub(crate) fn builder(&self, operation: Option<&str>) -> FaultRuleBuilder {
        FaultRuleBuilder { rules: self.clone(), operation: operation.map(str::to_owned), skip: 0, times: 1 }
    }

    /// Returns the fault for a call, and counts the call in the rules that apply to it.
    pub(crate) fn fault_for(&self, operation: &str) -> Option<Fault> {
        let mut rules = self.lock();
        for rule in rules.iter_mut().filter(|rule| rule.applies_to(operation)) {
            if rule.skip == 0 {
                rule.times -= 1;
                return Some(rule.fault.clone());
            }
            rule.skip -= 1;
        }
        None
    }

    /// Removes all rules.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.0.lock().expect("the fault rules")
    }
}

impl FaultRule {
    fn applies_to(&self, operation: &str) -> bool {
        self.times > 0 && self.operation.as_ref().is_none_or(|name| name == operation)
    }
}

/// A builder of a rule that makes DynamoDB calls fail.
#[derive(Debug)]
pub struct FaultRuleBuilder {
    rules: FaultRules,
    operation: Option<String>,
    skip: usize,
    times: usize,
}

impl FaultRuleBuilder {
    /// Applies to the `n`th call from now and later ones, counted from 1.
    #[must_use]
    pub fn nth(self, n: usize) -> Self {
        Self { skip: n.checked_sub(1).expect("calls are counted from 1"), ..self }
    }

    /// Applies to this many calls.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Applies to every call.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Responds with an error. The call takes no effect.
    pub fn fail(self, error: AwsError) {
        self.add(Fault::Error(error));
    }

    /// Closes the connection. The call takes no effect.
    pub fn drop_request(self) {
        self.add(Fault::DropRequest);
    }

    /// Closes the connection without a response after the call has taken effect.
    pub fn drop_response(self) {
        self.add(Fault::DropResponse);
    }

    /// Makes `BatchGetItem` return the last `keys` keys as unprocessed, in any table.
    pub fn leave_keys_unprocessed(self, keys: usize) {
        self.add(Fault::LeaveKeysUnprocessed(keys));
    }

    /// Delays the call before it takes effect, until the gate is opened. The call takes no effect
    /// if its client times out first.
    #[must_use]
    pub fn hold_request(self) -> Gate {
        let gate = Gate::default();
        self.add(Fault::HoldRequest(gate.clone()));
        gate
    }

    /// Delays the response until the gate is opened. The call takes effect at once.
    #[must_use]
    pub fn hold_response(self) -> Gate {
        let gate = Gate::default();
        self.add(Fault::HoldResponse(gate.clone()));
        gate
    }

    fn add(self, fault: Fault) {
        let Self { rules, operation, skip, times } = self;
        rules.lock().push(FaultRule { operation, skip, times, fault });
    }
}
