//! Writes of customers and products while calls fail.

use test_support::{AwsError, TestShop};

use super::{CUSTOMER, KINDS, delete, get, put, put_ok, send};

#[tokio::test]
async fn a_write_needs_one_round_trip_and_no_read() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        put_ok(&shop, put(route, "new", body)).await;
        assert_eq!(shop.proxy.calls_by_operation(), [("PutItem".to_owned(), 1)].into());
        shop.proxy.reset();
        send(&shop, delete(route, "new")).await;
        assert_eq!(shop.proxy.calls_by_operation(), [("DeleteItem".to_owned(), 1)].into());
    }
}

#[tokio::test]
async fn a_write_consumes_one_unit() {
    if !test_support::engine_counts_units() {
        return;
    }
    let shop = TestShop::seeded().await;
    shop.proxy.start_metering();
    put_ok(&shop, put(CUSTOMER, "carol", KINDS[0].1)).await;
    assert_eq!(shop.proxy.consumed_units().writes, [(shop.tables.customers.clone(), 1)].into());
    shop.proxy.start_metering();
    send(&shop, delete(CUSTOMER, "carol")).await;
    assert_eq!(shop.proxy.consumed_units().writes, [(shop.tables.customers.clone(), 1)].into());
}

#[tokio::test]
async fn showing_a_record_consumes_one_unit_even_if_the_client_has_it() {
    if !test_support::engine_counts_units() {
        return;
    }
    let shop = TestShop::seeded().await;
    for tag in ["\"0\"", "\"other\""] {
        shop.proxy.start_metering();
        send(&shop, get(CUSTOMER, "001").header("If-None-Match", tag)).await;
        assert_eq!(shop.proxy.consumed_units().reads, [(shop.tables.customers.clone(), 1)].into());
        assert_eq!(shop.proxy.requests("GetItem")[0]["ConsistentRead"], true);
    }
}

#[tokio::test]
async fn retries_conflicts_and_throttling() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        for error in [AwsError::transaction_conflict(), AwsError::throttled()] {
            shop.proxy.on("PutItem").fail(error.clone());
            shop.proxy.on("DeleteItem").fail(error);
            assert_eq!(send(&shop, put(route, "new", body)).await.status, 201);
            assert_eq!(send(&shop, delete(route, "new")).await.status, 204);
        }
    }
}

#[tokio::test]
async fn returns_busy_when_a_fault_persists_and_changes_nothing() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let before = shop.snapshot().await;
        shop.proxy.on_any_call().always().fail(AwsError::throttled());
        for request in [put(route, "001", body), get(route, "001"), delete(route, "001")] {
            assert_eq!(send(&shop, request).await.problem(), (503, "busy".into()));
        }
        assert_eq!(shop.snapshot().await, before);
    }
}

/// The SDK repeats a call whose response was lost. The repetition finds the item of the first attempt.
#[tokio::test]
async fn a_lost_response_to_a_put_is_a_success() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        shop.proxy.on("PutItem").drop_response();
        let created = send(&shop, put(route, "new", body).header("If-None-Match", "*")).await;
        assert_eq!((created.status, shop.proxy.calls("PutItem")), (201, 2), "{created:?}");
        let tag = created.header("etag").unwrap().to_owned();
        assert_eq!(send(&shop, get(route, "new")).await.header("etag"), Some(tag.as_str()));

        shop.proxy.on("PutItem").drop_response();
        let replaced = send(&shop, put(route, "new", body).header("If-Match", &tag)).await;
        assert_eq!(replaced.status, 200, "{replaced:?}");

        // The response no longer tells whether the first attempt created the record.
        shop.proxy.on("PutItem").drop_response();
        let stored = send(&shop, put(route, "other", body)).await;
        assert_eq!(stored.status, 200, "{stored:?}");
        assert_eq!(send(&shop, get(route, "other")).await.header("etag"), stored.header("etag"));
    }
}

#[tokio::test]
async fn a_lost_response_to_a_delete_is_a_success() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        for condition in [None, Some("If-Match")] {
            let tag = put_ok(&shop, put(route, "new", body)).await;
            shop.proxy.on("DeleteItem").drop_response();
            let request = match condition {
                Some(header) => delete(route, "new").header(header, &tag),
                None => delete(route, "new"),
            };
            assert_eq!(send(&shop, request).await.status, 204, "{condition:?}");
            assert_eq!(send(&shop, get(route, "new")).await.status, 404);
        }
        // A call that DynamoDB rejected has deleted nothing.
        shop.proxy.on("DeleteItem").fail(AwsError::throttled());
        assert_eq!(send(&shop, delete(route, "new")).await.status, 404);
    }
}

/// A client repeats a request without a response with the tag that it knew.
#[tokio::test]
async fn a_request_without_a_response_can_be_repeated() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        shop.proxy.on("PutItem").always().drop_response();
        assert_eq!(send(&shop, put(route, "new", body)).await.problem(), (503, "busy".into()));
        shop.proxy.reset();
        assert_eq!(send(&shop, put(route, "new", body)).await.status, 200);
    }
}
