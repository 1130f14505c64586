//! Random commands, checked against a model after each of them: lost, late, duplicated and reordered
//! events, functions that stop between any two calls, and concurrent and interleaved invocations.
//!
//! A command can have several valid results: an aborted invocation may have taken effect, and
//! concurrent invocations may have run in any order. So the test keeps every state that the system
//! may have, and drops those that differ from the next observation. At least one must remain. For
//! this reason the test does not use proptest-state-machine, whose model has one state.
//!
//! `PROPTEST_CASES=1000 cargo test -p tests --test integration state_machine` runs more cases. A
//! failing case is shrunk, and its seed is added to tests/proptest-regressions/state_machine.txt, from
//! where it is run first. Commit that file. Seeds become invalid when the commands change.

use std::collections::{BTreeMap, HashSet};

use domain::EventKind;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use command::{Command, commands};
use observe::assert_final_state;
use system::SystemUnderTest;

mod command;
mod inbound_event;
mod invoke;
mod model;
mod observe;
mod system;

/// The number of cases unless `PROPTEST_CASES` sets it.
const CASES: u32 = 24;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/state_machine.txt");

async fn run(commands: &[Command]) {
    let mut system = SystemUnderTest::start().await;
    for command in commands {
        system.execute(command).await;
    }
    system.finish().await;
    let observed = system.observe().await;
    for (id, order) in &observed.orders {
        let none = HashSet::new();
        let of_order =
            |events: &BTreeMap<String, HashSet<EventKind>>| events.get(id).unwrap_or(&none).clone();
        assert_final_state(
            id,
            order,
            &of_order(&system.requested_events),
            &of_order(&system.external_events),
        );
    }
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    let regressions = Box::new(FileFailurePersistence::Direct(REGRESSIONS));
    ProptestConfig { cases, failure_persistence: Some(regressions), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn behaves_like_the_model_for_any_sequence_of_commands(commands in commands()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&commands));
    }
}
