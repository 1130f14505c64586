//! Grouping of events into PutEvents calls.

use std::collections::HashMap;

use domain::EventSubject;

use crate::outbound_event::{OutboundEvent, size};

/// Maximum entries of a PutEvents call:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const MAX_ENTRIES: usize = 10;

/// Maximum size of the entries of a call with several entries, in bytes. Every region accepts it. A
/// larger event has a call of its own.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const MAX_CALL_BYTES: usize = 256 * 1024;

/// Groups events into waves: the first event of each subject, then the second, and so on.
pub(crate) fn waves(events: Vec<OutboundEvent>) -> Vec<Vec<OutboundEvent>> {
    let mut waves: Vec<Vec<OutboundEvent>> = Vec::new();
    let mut next_wave: HashMap<EventSubject, usize> = HashMap::new();
    for event in events {
        let wave = match &event.subject {
            Some(subject) => next_wave.entry(subject.clone()).or_default(),
            None => &mut 0,
        };
        if waves.len() <= *wave {
            waves.push(Vec::new());
        }
        waves[*wave].push(event);
        *wave += 1;
    }
    waves
}

/// Splits events into chunks that each fit into one call.
pub(crate) fn chunks(events: Vec<OutboundEvent>) -> Vec<Vec<OutboundEvent>> {
    let mut chunks: Vec<Vec<OutboundEvent>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = size(&event.entry);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < MAX_ENTRIES && bytes + size <= MAX_CALL_BYTES => {
                bytes += size;
                chunk.push(event);
            }
            _ => {
                bytes = size;
                chunks.push(vec![event]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::types::PutEventsRequestEntry;
    use domain::event::ORDER_SOURCE;

    use super::*;

    fn event(index: usize, detail_bytes: usize) -> OutboundEvent {
        let entry = PutEventsRequestEntry::builder()
            .source(ORDER_SOURCE)
            .detail_type("OrderPlaced")
            .detail("x".repeat(detail_bytes))
            .build();
        let subject = Some(EventSubject::Order(format!("order-{index}").parse().unwrap()));
        OutboundEvent { index, subject, metadata: None, entry }
    }

    fn indices(groups: Vec<Vec<OutboundEvent>>) -> Vec<Vec<usize>> {
        groups.iter().map(|group| group.iter().map(|event| event.index).collect()).collect()
    }

    fn chunk_sizes(sizes: &[usize]) -> Vec<Vec<usize>> {
        indices(chunks(sizes.iter().enumerate().map(|(index, size)| event(index, *size)).collect()))
    }

    #[test]
    fn a_chunk_has_at_most_ten_entries() {
        assert_eq!(chunk_sizes(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(chunk_sizes(&[1; 11]), [(0..10).collect::<Vec<_>>(), vec![10]]);
    }

    #[test]
    fn a_chunk_stays_within_the_size_limit() {
        let overhead = size(&event(0, 0).entry);
        assert_eq!(overhead, 14 + "ecommerce.order".len() + "OrderPlaced".len());
        let half = MAX_CALL_BYTES / 2 - overhead;
        assert_eq!(chunk_sizes(&[half, half]), [vec![0, 1]]);
        assert_eq!(chunk_sizes(&[half, half + 1]), [vec![0], vec![1]]);
        assert_eq!(chunk_sizes(&[half, half, 1]), [vec![0, 1], vec![2]]);
        assert_eq!(chunk_sizes(&[1, 3 * half, 1]), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn events_of_one_order_are_in_consecutive_waves() {
        let events = [0, 1, 0, 2, 1, 0].map(|order| event(order, 1));
        assert_eq!(indices(waves(events.into())), [vec![0, 1, 2], vec![0, 1], vec![0]]);
    }

    #[test]
    fn events_without_a_subject_are_in_the_first_wave() {
        let reports = (0..3).map(|index| OutboundEvent { subject: None, ..event(index, 1) });
        assert_eq!(waves(reports.collect()).len(), 1);
    }
}
