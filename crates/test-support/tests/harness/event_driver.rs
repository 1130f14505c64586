//! The event driver moves events from the stream to the consumer.

use domain::OrderStatus;
use test_support::{ApiRequest, AwsError, BusBehavior, EventDriver, TestShop};

use OrderStatus::{Confirmed, Placed};

const ORDER: &str = r#"{"customerId":"001","items":[{"productId":"001","quantity":2}]}"#;

/// Places an order, and returns its id.
async fn place(shop: &TestShop) -> String {
    let response = ApiRequest::post("/order").json(ORDER).send(&shop.order_service()).await;
    assert_eq!(response.status, 201, "{}", response.body);
    response.json()["orderId"].as_str().unwrap().to_owned()
}

async fn status(shop: &TestShop, id: &str) -> OrderStatus {
    shop.order(id).await.unwrap().status
}

#[tokio::test]
async fn moves_an_order_from_the_api_to_the_stock_step_by_step() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    assert_eq!(status(&shop, &id).await, Placed);

    driver.relay().await;
    let pending: Vec<_> =
        driver.pending_events().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!((pending, shop.stock_of("001").await), (vec!["OrderPlaced".to_owned()], 150));

    driver.consume().await;
    assert_eq!(status(&shop, &id).await, Confirmed);
    assert_eq!((shop.stock_of("001").await, shop.reserved_of("001").await), (148, 2));
    driver.run().await;
    let events: Vec<_> = shop.bus.published().iter().map(|event| event.detail_type().to_owned()).collect();
    assert_eq!(
        (events, driver.dead_letters().len()),
        (vec!["OrderPlaced".to_owned(), "OrderConfirmed".to_owned()], 0)
    );
}

#[tokio::test]
async fn repeats_a_batch_until_it_is_published() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    shop.bus.set_default(BusBehavior::Fail(AwsError::access_denied()));
    driver.relay().await;
    assert_eq!((driver.pending_records(), driver.pending_events().len()), (1, 0));
    shop.bus.set_default(BusBehavior::Accept);
    driver.run().await;
    assert_eq!(status(&shop, &id).await, Confirmed);
}

#[tokio::test]
async fn creates_a_dead_letter_after_the_attempts_of_the_template() {
    let shop = TestShop::seeded().await;
    place(&shop).await;
    let mut driver = EventDriver::new(&shop).await;
    shop.proxy.on("TransactWriteItems").always().fail(AwsError::access_denied());
    driver.run().await;
    let [letter] = driver.dead_letters() else { panic!("{:?}", driver.dead_letters()) };
    assert_eq!(letter.event.detail_type(), "OrderPlaced");
    assert_eq!(letter.error.error_type, inventory_service::INTERNAL);
    assert_eq!(shop.proxy.calls("TransactWriteItems"), 3);
}

#[tokio::test]
async fn delivers_copies_of_an_event_concurrently() {
    let shop = TestShop::seeded().await;
    let id = place(&shop).await;
    let mut driver = EventDriver::new(&shop).await.with_copies(3).with_shuffle(7);
    driver.relay().await;
    assert_eq!(driver.pending_events().len(), 3);
    driver.consume_concurrently().await;
    driver.run().await;
    assert_eq!(status(&shop, &id).await, Confirmed);
    assert_eq!((shop.stock_of("001").await, driver.dead_letters().len()), (148, 0));
}
