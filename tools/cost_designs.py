"""Designs for processing an order: the design of this project and its alternatives."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cost_model import ONE, PRICES, TRANSACTION_UNITS, Design, Step, build_design

# Orders in one batched reservation.
BATCH_SIZE = Decimal(10)
# Messages in one SQS receive or delete request.
QUEUE_BATCH_SIZE = Decimal(10)
# Entries in one PutEvents request.
PUT_EVENTS_ENTRIES = Decimal(10)
# PutEvents requests that the relay makes at the same time: MAX_CONCURRENT_CALLS in crates/outbox.
CONCURRENT_PUT_EVENTS = Decimal(5)
# Used share of provisioned capacity.
UTILIZATION = Decimal("0.70")
HOUR_SECONDS = Decimal(3600)


def build_designs(order: Any) -> list[Design]:
    """Builds the design of this project, followed by the alternatives."""
    base = build_design(order)
    place, relay, reserve, relay_confirmed = base.steps
    stock_writes = Decimal(order["steps"]["reserve"]["writes"]["inventory"])
    arm64 = {"x86_64": PRICES["arm64"].unit_price}
    http = {"rest": PRICES["http"].unit_price}
    per_second = UTILIZATION * HOUR_SECONDS
    batched = [place, relay, batch_reservations(reserve, stock_writes), relay_confirmed]
    full_relays = [fill_relay_batch(order, step) for step in (relay, relay_confirmed)]
    return [
        base,
        Design(
            "full relay batches",
            [place, reserve, *full_relays],
            f"this project under load: one relay invocation publishes {order['fullRelayBatch']['records']} records",
        ),
        Design(
            "publish without an outbox",
            [publish_event(place, relay), publish_event(reserve, relay_confirmed)],
            "a crash between the two calls loses the event, or publishes an event of a change that was not made",
        ),
        Design(
            "HTTP API",
            base.steps,
            "no usage plans, API keys, request validation, X-Ray or web application firewall",
            prices=http,
        ),
        Design(
            "separate idempotency table",
            [add_calls(place, {"PutItem": ONE, "GetItem": ONE}, reads=1, writes=1), relay, reserve, relay_confirmed],
            "one more write and its read; a record that is claimed first and completed later adds another write",
            is_equivalent=True,
        ),
        Design(
            "separate outbox table",
            [separate_outbox(place, order), relay, add_calls(reserve, {}, writes=TRANSACTION_UNITS), relay_confirmed],
            "order and event are two items in one transaction; the event item must expire",
            is_equivalent=True,
        ),
        Design(
            f"reservations in batches of {BATCH_SIZE}",
            batched,
            "this project for a hot product: its orders share the write to its stock",
        ),
        Design("arm64", base.steps, "as in staging and prod; assumes the same duration", prices=arm64),
        Design(
            "provisioned capacity",
            base.steps,
            f"needs a steady load that uses {UTILIZATION:.0%} of the paid capacity",
            prices={
                "read": PRICES["read hour"].unit_price / per_second,
                "write": PRICES["write hour"].unit_price / per_second,
            },
        ),
        Design(
            "HTTP API with arm64 and batches",
            batched,
            "the cheapest of these designs that loses no event",
            prices={**arm64, **http},
        ),
    ]


def add_calls(step: Step, calls: Mapping[str, Decimal], reads: int = 0, writes: int = 0) -> Step:
    """Returns the step with additional calls."""
    names = {*step.calls, *calls}
    sums = {name: step.calls.get(name, Decimal(0)) + calls.get(name, Decimal(0)) for name in sorted(names)}
    return replace(step, calls=sums, reads=step.reads + reads, writes=step.writes + writes)


def publish_event(step: Step, relay: Step) -> Step:
    """Returns the step with the relay's PutEvents call."""
    log_bytes = step.log_bytes + relay.log_bytes
    return replace(add_calls(step, relay.calls), events=relay.events, log_bytes=log_bytes)


def separate_outbox(place: Step, order: Any) -> Step:
    """Returns the placing step with order and event as two items in one transaction."""
    orders = order["steps"]["place"]["writes"]["orders"]
    calls = {**place.calls, "TransactWriteItems": place.calls["PutItem"]}
    del calls["PutItem"]
    # The write of the order becomes transactional; the write of the event is new.
    more = orders * (TRANSACTION_UNITS - 1) + TRANSACTION_UNITS
    return replace(place, calls=calls, writes=place.writes + more)


def fill_relay_batch(order: Any, relay: Step) -> Step:
    """Returns one event's share of a full relay batch. One of its log lines has the metrics of all."""
    batch = order["fullRelayBatch"]
    records = Decimal(batch["records"])
    saved_bytes = order["steps"]["relayPlaced"]["logBytes"] - batch["logBytes"] / records
    return replace(
        relay,
        calls={call: count / records for call, count in batch["calls"].items()},
        invocations=1 / records,
        parallel_calls=CONCURRENT_PUT_EVENTS,
        log_bytes=relay.log_bytes - saved_bytes,
    )


def batch_reservations(reserve: Step, stock_writes: Decimal) -> Step:
    """Returns one order's share of a transaction that reserves a batch of orders of one product."""
    return replace(
        reserve,
        calls={call: count / BATCH_SIZE for call, count in reserve.calls.items()},
        writes=reserve.writes - stock_writes + stock_writes / BATCH_SIZE,
        queue_requests=1 + 2 / QUEUE_BATCH_SIZE,
        invocations=1 / BATCH_SIZE,
    )
