//! The figures of a run.

use std::env;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use test_support::FaultInjector;

use crate::checks::{OrderEventTotals, StockEventTotals, Totals};
use crate::settings::{PRODUCTS, Settings};
use crate::system::System;

impl System {
    /// Returns the figures as a Markdown table.
    pub(crate) fn report(&self, totals: &Totals, duration: Duration, faults: [&FaultInjector; 3]) -> String {
        let Settings { orders, seed, faults: percentage } = self.settings;
        let counters = &self.counters;
        let calls = self.shop.proxy.calls_by_operation();
        let [dynamodb, eventbridge, sqs] = faults.map(FaultInjector::injected);
        let mut table = Table::default();
        table.row(format!("orders, of 1 to 3 of {PRODUCTS} products"), orders);
        table.rows(&totals.orders_by_status);
        table.row("prices at which orders were placed", totals.prices);
        table.row("initial stock, in units", self.settings.initial_stock() * PRODUCTS as u64);
        table.row(format!("- received, {} events", totals.stock.receipts), totals.stock.received);
        table.row(
            format!("- added and removed, {} adjustments", totals.stock.adjustments),
            totals.stock.adjusted,
        );
        table.row("- sold", totals.stock.held);
        table.row("- on hand", totals.stock.on_hand);
        table.row("keys of adjustments", self.adjustments.borrow().len());
        table.row("- repeated later", counters.late_repeats.get());
        table.row("changes of customers and products", counters.edits.get());
        table.row("- products deleted and created again", counters.deletions.get());
        table.row("- repeated, because another change was first", counters.failed_preconditions.get());
        table.row("client requests", counters.requests.get());
        table.row("- repeated, because the client got no response", counters.repeated_requests.get());
        table.row("- processed, but the response was lost", counters.lost_responses.get());
        table.row("- orders of products that were deleted at the time", counters.unknown_products.get());
        table.row("DynamoDB calls", calls.values().sum::<usize>());
        table.rows(&calls);
        table.row("DynamoDB faults", dynamodb.values().sum::<usize>());
        table.rows(dynamodb);
        table.row("EventBridge calls", self.shop.bus.calls().len());
        table.row("EventBridge faults", eventbridge.values().sum::<usize>());
        table.rows(eventbridge);
        table.row("SQS faults", sqs.values().sum::<usize>());
        table.rows(sqs);
        table.row("invocations cut off", counters.aborted_invocations.get());
        table.row("stream batches sent to the relays", counters.batches.get());
        table.row("- retried, in whole or in part", counters.retried_batches.get());
        let expired = self.expired_events.borrow();
        table.row("records expired in the long outage of EventBridge", expired.values().sum::<usize>());
        table.rows(expired.iter());
        let OrderEventTotals { in_outboxes, published, confirmed } = totals.order_events;
        table.row("events in the outboxes", in_outboxes);
        table.row("- OrderConfirmed", confirmed);
        table.row("- published, duplicates included", published);
        table.row("- duplicates", published - in_outboxes);
        let StockEventTotals { changes, published, distinct } = &totals.stock_events;
        table.row("changes of stock items", changes);
        table.row("inventory events", distinct.values().sum::<usize>());
        table.rows(distinct);
        table.row("- published, duplicates included", published);
        table.row("events delivered to the consumer", counters.deliveries.get());
        table.row("- duplicate deliveries of the bus", counters.duplicate_deliveries.get());
        table.row("- retries after a failure", counters.retried_deliveries.get());
        table.row("- sent to the queue", self.shop.metrics.sum("EventsQueued"));
        table.row("batches of the queue", counters.queue_batches.get());
        table.row("- messages delivered again", counters.redelivered_messages.get());
        table.row("dead letters, those of redriven events included", counters.dead_letters.get());
        table.row("- redriven", counters.redriven.get());
        table.row("- remaining, because the order can never make the change", totals.remaining_dead_letters);
        table.row("checks of all tables at one instant", counters.cuts.get());
        let engine =
            if env::var("DYNAMODB_ENDPOINT").is_ok() { "DYNAMODB_ENDPOINT" } else { "embedded engine" };
        let seconds = duration.as_secs_f64();
        format!("\nseed {seed}, faults {percentage}%, {engine}, {seconds:.0} s\n\n{}", table.0)
    }
}

/// A Markdown table.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, name: impl Display, figure: impl Display) {
        if self.0.is_empty() {
            self.0.push_str("| Figure | Count |\n| --- | ---: |\n");
        }
        writeln!(self.0, "| {name} | {figure} |").unwrap();
    }

    /// Adds one indented row for each entry.
    fn rows<N: Display, F: Display>(&mut self, figures: impl IntoIterator<Item = (N, F)>) {
        for (name, figure) in figures {
            self.row(format!("- {name}"), figure);
        }
    }
}
