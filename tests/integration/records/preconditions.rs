//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).

use test_support::TestShop;

use super::{KINDS, delete, get, put, put_ok, send};

const FAILED: u16 = 412;

#[tokio::test]
async fn a_write_with_an_old_tag_changes_nothing() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let first = put_ok(&shop, put(route, "new", body)).await;
        let second = put_ok(&shop, put(route, "new", body).header("If-Match", &first)).await;
        assert_ne!(first, second, "the same content has another revision");
        let before = shop.snapshot().await;
        for request in [put(route, "new", body), delete(route, "new")] {
            let response = send(&shop, request.header("If-Match", &first)).await;
            assert_eq!(response.problem(), (FAILED, "precondition-failed".into()));
        }
        assert_eq!(shop.snapshot().await, before);
        let listed = format!("{first}, \"other\", {second}");
        assert_eq!(send(&shop, delete(route, "new").header("If-Match", &listed)).await.status, 204);
    }
}

#[tokio::test]
async fn a_tag_is_never_valid_again_after_a_delete() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let first = put_ok(&shop, put(route, "new", body)).await;
        assert_eq!(send(&shop, delete(route, "new")).await.status, 204);
        let second = put_ok(&shop, put(route, "new", body)).await;
        assert_ne!(first, second);
        let stale = send(&shop, put(route, "new", body).header("If-Match", &first)).await;
        assert_eq!(stale.status, FAILED);
        assert_eq!(send(&shop, get(route, "new")).await.header("etag"), Some(second.as_str()));
    }
}

#[tokio::test]
async fn requires_that_a_record_exists_or_does_not_exist() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        for (request, status) in [
            (put(route, "new", body).header("If-Match", "*"), FAILED),
            // Without the precondition, the response is an error too: the precondition does not count.
            (delete(route, "new").header("If-Match", "*"), 404),
            (delete(route, "new").header("If-None-Match", "*"), 404),
            (put(route, "new", body).header("If-None-Match", "*"), 201),
            (put(route, "new", body).header("If-None-Match", "*"), FAILED),
            (put(route, "new", body).header("If-Match", "*"), 200),
            (get(route, "new").header("If-None-Match", "*"), 304),
            (delete(route, "new").header("If-None-Match", "*"), FAILED),
            (delete(route, "new").header("If-Match", "*"), 204),
        ] {
            let response = send(&shop, request.clone()).await;
            assert_eq!(response.status, status, "{request:?} {response:?}");
        }
    }
}

#[tokio::test]
async fn a_weak_tag_matches_only_if_none_match() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let tag = put_ok(&shop, put(route, "new", body)).await;
        let weak = format!("W/{tag}");
        assert_eq!(send(&shop, put(route, "new", body).header("If-Match", &weak)).await.status, FAILED);
        assert_eq!(send(&shop, put(route, "new", body).header("If-None-Match", &weak)).await.status, FAILED);
        let unchanged = send(&shop, get(route, "new").header("If-None-Match", &weak)).await;
        assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""));
        assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
        let other = get(route, "new").header("If-None-Match", "\"other\"");
        assert_eq!(send(&shop, other).await.status, 200);
    }
}

#[tokio::test]
async fn a_malformed_header_is_rejected_and_changes_nothing() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let before = shop.snapshot().await;
        let eleven = ["\"a\""; 11].join(",");
        for value in ["", "a", "\"a", "\"a\" \"b\"", "*, \"a\"", &eleven] {
            for header in ["If-Match", "If-None-Match"] {
                for request in [put(route, "001", body), delete(route, "001")] {
                    let response = send(&shop, request.header(header, value)).await;
                    let violations = [(header.to_owned(), "format".to_owned())];
                    assert_eq!((response.status, response.violations()), (422, violations.into()), "{value}");
                }
            }
        }
        assert_eq!(shop.snapshot().await, before);
    }
}

#[tokio::test]
async fn only_one_of_two_concurrent_writes_with_the_same_tag_succeeds() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let tag = put_ok(&shop, put(route, "new", body)).await;
        let requests = (0..20).map(|_| send(&shop, put(route, "new", body).header("If-Match", &tag)));
        let responses = test_support::concurrently(requests).await;
        let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert_eq!(statuses[1..], [FAILED; 19]);
    }
}
