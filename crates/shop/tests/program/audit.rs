//! `shop audit` on tables with orders of every status, with planted faults, and while orders are under way.

use std::cell::Cell;

use aws_sdk_dynamodb::types::AttributeValue;
use dynamodb::{number, text};
use serde_json::{Value, json};
use shop::audit::{self, AuditOptions, Report, Rule};
use test_support::{AwsError, EventDriver, TestShop};

use crate::orders::{change_status, place};
use crate::stack_file::StackFile;

const OPTIONS: AuditOptions = AuditOptions { rate: 100_000, stuck: 300, passes: 3 };

async fn audit(shop: &TestShop) -> Report {
    audit::run(&StackFile::of(shop).open().await, &OPTIONS).await.unwrap()
}

/// Audits a shop in which the stock of product 001 differs from its ledger and keeps changing.
async fn audit_while_stock_changes(shop: &TestShop) -> Report {
    let is_done = Cell::new(false);
    let changing = async {
        while !is_done.get() {
            let values = [(":q", number(7)), (":one", number(1))];
            change(shop, &shop.tables.inventory, "001", "SET Quantity = :q ADD Revision :one", &values).await;
        }
    };
    let auditing = async {
        let report = audit(shop).await;
        is_done.set(true);
        report
    };
    tokio::join!(changing, auditing).1
}

/// Returns a shop with an order of each status except Placed, and their ids in the order of the statuses.
async fn shop_with_orders() -> (TestShop, [String; 5]) {
    let shop = TestShop::seeded().await;
    let mut ids = Vec::new();
    for quantity in [1, 2, 3, 1000, 4] {
        ids.push(place(&shop, quantity).await);
    }
    let mut driver = EventDriver::new(&shop).await;
    driver.run().await;
    for (id, actions) in [(1, &["ship"][..]), (2, &["ship", "deliver"]), (4, &["cancel"])] {
        for action in actions {
            change_status(&shop, action, &ids[id]).await;
        }
    }
    driver.run().await;
    (shop, ids.try_into().unwrap())
}

/// Changes an item behind the back of the functions.
async fn change(shop: &TestShop, table: &str, id: &str, update: &str, values: &[(&str, AttributeValue)]) {
    let key = if table == shop.tables.orders { "OrderId" } else { "ProductId" };
    let mut request = shop.direct_client().update_item().table_name(table).key(key, text(id));
    if update.contains("#items") {
        request = request.expression_attribute_names("#items", "Items");
    }
    for (name, value) in values {
        request = request.expression_attribute_values(*name, value.clone());
    }
    request.update_expression(update).send().await.unwrap();
}

#[tokio::test]
async fn a_stack_with_orders_of_every_status_is_clean() {
    let (shop, ids) = shop_with_orders().await;
    let placed = place(&shop, 1).await;
    let report = audit(&shop).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.orders, report.products, report.ledger_entries, report.passes), (7, 2, 2, 1));
    assert_eq!(report.exit_code(), 0);
    assert!(!ids.contains(&placed));
}

/// The rule that a fault violates, the index of the order, and the update that plants it.
type PlantedFault<'a> = (Rule, usize, &'a str, Vec<(&'a str, AttributeValue)>);

#[tokio::test]
async fn finds_each_planted_fault() {
    const LOST: [(&str, AttributeValue); 0] = [];
    let [confirmed, shipped, delivered, rejected, canceled] = [0, 1, 2, 3, 4];
    let event = |kind: &str| {
        AttributeValue::M(dynamodb::item([
            ("Id", text("e1")),
            ("Type", text(kind)),
            ("Time", text("2025-01-01T00:00:00.000Z")),
            ("CorrelationId", text("c1")),
        ]))
    };
    let faults: Vec<PlantedFault<'_>> = vec![
        (Rule::ReadableItem, delivered, "SET OrderStatus = :v", vec![(":v", text("Lost"))]),
        (Rule::ReservationFollowsStatus, shipped, "REMOVE StockReserved", LOST.into()),
        (
            Rule::ReservationFollowsStatus,
            canceled,
            "SET StockReserved = :v",
            vec![(":v", AttributeValue::Bool(true))],
        ),
        (Rule::ListFollowsStatus, confirmed, "REMOVE FulfillmentShard", LOST.into()),
        (Rule::ListFollowsStatus, shipped, "SET FulfillmentShard = :v", vec![(":v", text("3"))]),
        (Rule::ListFollowsStatus, confirmed, "SET FulfillmentShard = :v", vec![(":v", text("99"))]),
        (Rule::TotalIsSumOfLines, delivered, "SET TotalAmount = :v", vec![(":v", number(1))]),
        (Rule::ShipmentFollowsStatus, confirmed, "SET Carrier = :v", vec![(":v", text("DHL"))]),
        (Rule::ShortagesFollowStatus, rejected, "REMOVE Shortages", LOST.into()),
        (Rule::EventFollowsStatus, confirmed, "SET Event = :v", vec![(":v", event("OrderRejected"))]),
        (Rule::AppliedEvent, canceled, "SET Event = :v", vec![(":v", event("OrderCanceled"))]),
        (Rule::AppliedEvent, canceled, "SET EventBeforeCanceled = :v", vec![(":v", event("OrderPlaced"))]),
        (Rule::LedgerExplainsStock, shipped, "SET #items[0].Quantity = :v", vec![(":v", number(7))]),
    ];
    for (rule, order, update, values) in faults {
        let (shop, ids) = shop_with_orders().await;
        change(&shop, &shop.tables.orders, &ids[order], update, &values).await;
        let report = audit(&shop).await;
        let found = report.findings.iter().any(|finding| {
            finding.rule == rule && (finding.id == ids[order] || rule == Rule::LedgerExplainsStock)
        });
        assert!(found, "{rule} after {update}: {:?}", report.findings);
        assert_eq!(report.exit_code(), 1);
    }
}

#[tokio::test]
async fn finds_each_planted_fault_of_stock() {
    let faults: [(Rule, &str, &str, AttributeValue); 6] = [
        (Rule::NonNegativeStock, "001", "SET Quantity = :v", number(-1)),
        (Rule::ReadableItem, "001", "SET Quantity = :v", text("150")),
        (Rule::LedgerExplainsStock, "001", "SET Quantity = :v", number(149)),
        (Rule::LedgerExplainsStock, "002#opening-002", "SET Delta = :v", number(199)),
        (Rule::ListedStock, "001", "SET ListedUnder = :v", text("001")),
        (Rule::ListedStock, "002#opening-002", "SET ListedAs = :v", text("later")),
    ];
    for (rule, id, update, value) in faults {
        let shop = TestShop::seeded().await;
        change(&shop, &shop.tables.inventory, id, update, &[(":v", value)]).await;
        let report = audit(&shop).await;
        let product = id.split('#').next().unwrap();
        let found = report
            .findings
            .iter()
            .any(|finding| finding.rule == rule && [id, product].contains(&finding.id.as_str()));
        assert!(found, "{rule} after {update}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn a_lost_stock_item_or_ledger_entry_is_found() {
    for id in ["001", "001#opening-001"] {
        let shop = TestShop::seeded().await;
        shop.delete(&shop.tables.inventory, "ProductId", id).await;
        let report = audit(&shop).await;
        let rules: Vec<_> =
            report.findings.iter().map(|finding| (finding.rule, finding.id.as_str())).collect();
        assert_eq!(rules, [(Rule::LedgerExplainsStock, "001")]);
    }
}

#[tokio::test]
async fn orders_under_way_are_no_findings_and_hide_none() {
    let shop = TestShop::seeded().await;
    shop.set_stock("001", 1_000).await;
    let (is_done, changes) = (Cell::new(false), Cell::new(0_u32));
    let placing = async {
        while !is_done.get() {
            place(&shop, 1).await;
            let mut driver = EventDriver::new(&shop).await;
            driver.relay().await;
            driver.consume().await;
            changes.set(changes.get() + 1);
        }
    };
    let auditing = async {
        while changes.get() < 30 {
            assert_eq!(audit(&shop).await.findings, []);
        }
        is_done.set(true);
    };
    tokio::join!(placing, auditing);

    change(&shop, &shop.tables.inventory, "002", "SET Quantity = :v", &[(":v", number(1))]).await;
    let report = audit(&shop).await;
    let found: Vec<_> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!((found, report.passes), (vec!["002"], 2));
}

#[tokio::test]
async fn a_canceled_order_may_hold_its_stock_until_its_event_is_applied() {
    let (shop, ids) = shop_with_orders().await;
    change_status(&shop, "cancel", &ids[0]).await;
    assert!(shop.order(&ids[0]).await.unwrap().stock_reserved);
    assert_eq!(audit(&shop).await.findings, []);
}

#[tokio::test]
async fn a_product_that_is_decided_stays_decided_while_another_one_changes() {
    let shop = TestShop::seeded().await;
    change(&shop, &shop.tables.inventory, "002", "SET Quantity = :v", &[(":v", number(1))]).await;
    let report = audit_while_stock_changes(&shop).await;
    let found: Vec<_> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!((found, report.undecided_products.as_slice()), (vec!["002"], &["001".to_owned()][..]));
    assert_eq!((report.passes, report.exit_code()), (OPTIONS.passes, 1));
}

#[tokio::test]
async fn a_product_that_differs_and_keeps_changing_is_undecided() {
    let shop = TestShop::seeded().await;
    let report = audit_while_stock_changes(&shop).await;
    assert_eq!((report.findings.as_slice(), report.passes), (&[][..], OPTIONS.passes));
    assert_eq!(report.undecided_products, ["001"]);
    assert_eq!(report.exit_code(), 2);
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_an_error_that_names_it() {
    let shop = TestShop::seeded().await;
    let stack = StackFile::behind_the_proxy(&shop).open().await;
    shop.proxy.on("Scan").always().fail(AwsError::access_denied());
    let error = audit::run(&stack, &OPTIONS).await.unwrap_err().to_string();
    assert!(error.contains(&shop.tables.inventory) && error.contains("AccessDenied"), "{error}");

    // The SDK retries a call that is throttled.
    shop.proxy.reset();
    shop.proxy.on("Scan").fail(AwsError::throttled());
    assert_eq!(audit::run(&stack, &OPTIONS).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_prints_text_or_json_and_exits_with_a_code() {
    let shop = TestShop::seeded().await;
    let file = StackFile::of(&shop);
    let run = |arguments: &[&str]| crate::stack_file::run(&[&["audit"], arguments].concat());
    let local = ["--local", file.path()];
    let clean = run(&local);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    assert_eq!(
        String::from_utf8(clean.stdout).unwrap(),
        "test: clean (1 orders, 2 products, 2 ledger entries, 1 passes)\n"
    );

    change(&shop, &shop.tables.inventory, "001", "SET Quantity = :v", &[(":v", number(-1))]).await;
    let found = run(&[&local[..], &["--json"]].concat());
    assert_eq!(found.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&found.stdout).unwrap();
    let finding =
        json!({"rule": "non-negative-stock", "table": "Inventory", "id": "001", "detail": "Quantity is -1"});
    assert!(report["findings"].as_array().unwrap().contains(&finding), "{report}");

    let missing = run(&["--local", "/nonexistent.json"]);
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("make run"));
    assert_eq!(run(&["--rate", "0"]).status.code(), Some(2));
}
