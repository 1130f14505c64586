"""Model of the relay's batching window: what it costs in latency and saves in dollars."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import cost_model as model
from cost_designs import CONCURRENT_PUT_EVENTS, PUT_EVENTS_ENTRIES
from cost_model import ONE, PRICES, Design, Step
from figures import format_data, format_money, format_number, render_csv, render_table

# MaximumBatchingWindowInSeconds. The template sets none for the stream of the Orders table.
WINDOWS = [Decimal(0), ONE, Decimal(5)]
# Events per second of one shard. A shard takes at most 1,000 write units per second.
RATES = [ONE, Decimal(3), Decimal(10), Decimal(30), Decimal(100)]


@dataclass(frozen=True)
class BatchedRelay:
    """The relay of a shard at one rate and with one window."""

    records: Decimal  # in an invocation, on average
    delay_milliseconds: Decimal  # time that the window adds to an event, on average
    dollars: Decimal  # invocations and their duration for a million events


def batch_relay(relay: Step, rate: Decimal, window: Decimal, largest: Decimal) -> BatchedRelay:
    """Models the relay at `rate` events per second with a window of `window` seconds.

    Lambda starts the window at the first record. A shard has one invocation at a time, so the records
    of a running invocation form the next batch even without a window.
    """
    records = min(1 + rate * max(window, relay.seconds), largest)
    # The window ends early when the batch is full. All records but the first come at a random time in it.
    open_seconds = min(window, (records - 1) / rate)
    delay = open_seconds * (1 + (records - 1) / 2) / records
    requests = max(records / PUT_EVENTS_ENTRIES, ONE)
    step = replace(
        relay,
        calls=dict.fromkeys(relay.calls, requests / records),
        invocations=1 / records,
        parallel_calls=min(requests, CONCURRENT_PUT_EVENTS),
    )
    charges = Design("", [step]).price_charges()
    dollars = sum((amount for key, amount in charges.items() if PRICES[key].service == "Lambda"), Decimal(0))
    return BatchedRelay(records, delay * 1000, dollars)


def price_threshold_relay(order: Any) -> Decimal:
    """Returns the dollars to relay the stock of a million orders that cross no threshold."""
    window = model.read_stock_stream("MaximumBatchingWindowInSeconds")
    step, largest = model.build_step(order, "relayStockThresholds"), model.read_stock_stream("BatchSize")
    return batch_relay(step, model.ORDERS_PER_SECOND, window, largest).dollars


def render_windows(order: Any) -> str:
    """Renders the latency and the dollars of each window."""
    relay, largest = model.build_step(order, "relayPlaced"), model.read_order_stream("BatchSize")
    rows = []
    for window in WINDOWS:
        relays = [batch_relay(relay, rate, window, largest) for rate in RATES]
        cells = (f"{format_money(batched.dollars)} / {batched.delay_milliseconds:.0f} ms" for batched in relays)
        rows.append([f"{format_number(window)} s", *cells])
    return render_table(["window", *(f">{format_number(rate)}/s" for rate in RATES)], rows)


def list_windows(order: Any) -> str:
    """Lists the figures of each window and rate."""
    relay, largest = model.build_step(order, "relayPlaced"), model.read_order_stream("BatchSize")
    rows = []
    for window in WINDOWS:
        for rate in RATES:
            batched = batch_relay(relay, rate, window, largest)
            amounts = (window, rate, batched.records, batched.delay_milliseconds, batched.dollars)
            rows.append([format_data(amount) for amount in amounts])
    head = ["window_seconds", "events_per_second", "records_per_invocation"]
    return render_csv([*head, "added_milliseconds", "dollars_per_million_events"], rows)
