//! Delivery of events by the queue.

mod virtual_time;

use std::time::Duration;

use contention::queue::{DeliveryMode, Message, Queue};
use tokio::time::Instant;

use virtual_time::in_virtual_time;

fn order_indexes(batch: &[Message]) -> Vec<usize> {
    batch.iter().map(|message| message.order_index).collect()
}

#[test]
fn retries_a_failed_event_after_one_and_two_minutes_before_the_dead_letter_queue() {
    in_virtual_time(async {
        let start = Instant::now();
        let queue = Queue::new(DeliveryMode::Direct, 1, [start]);
        for seconds in [0, 60, 180] {
            let batch = queue.receive(0).await.unwrap();
            assert_eq!((order_indexes(&batch), start.elapsed().as_secs()), (vec![0], seconds));
            queue.reject(batch[0].clone(), None);
        }
        assert!(queue.receive(0).await.is_none());
        assert_eq!((queue.dead_letters(), queue.failures()), (1, 3));
    });
}

#[test]
fn delivers_a_batch_when_it_is_full_or_its_window_ends() {
    in_virtual_time(async {
        let start = Instant::now();
        let arrivals = [0, 10, 20, 30, 5_000].map(|millis| start + Duration::from_millis(millis));
        let delivery = DeliveryMode::Batched { max_size: 3, window: Duration::from_secs(1) };
        let queue = Queue::new(delivery, 1, arrivals);
        for (expected, millis) in [(vec![0, 1, 2], 20), (vec![3], 1030), (vec![4], 6000)] {
            let batch = queue.receive(0).await.unwrap();
            assert_eq!((order_indexes(&batch), start.elapsed().as_millis()), (expected, millis));
            batch.into_iter().for_each(|message| queue.acknowledge(message));
        }
        assert!(queue.receive(0).await.is_none());
    });
}
