//! Writes that overlap: a repeated call must not undo a write that happened in between, and clocks
//! may differ.

use domain::Revision;
use test_support::{ApiResponse, AwsError, TestShop, concurrently};

use super::{CUSTOMER, KINDS, PRODUCT, delete, get, put, put_ok, send};

const BUSY: u16 = 503;

/// A point in time that no clock of a test reaches: the year 2100.
const FAR_AHEAD: u64 = 4_102_444_800_000;

fn statuses(responses: &[ApiResponse]) -> Vec<u16> {
    let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    statuses
}

/// Stores a record whose revision another clock created, and returns its entity tag.
async fn put_with_revision(shop: &TestShop, route: &str, body: &str, revision: &Revision) -> String {
    put_ok(shop, put(route, "new", body)).await;
    let (table, mut items) = match route {
        CUSTOMER => (&shop.tables.customers, shop.snapshot().await.customers),
        PRODUCT => (&shop.tables.products, shop.snapshot().await.products),
        _ => unreachable!("{route} has no records"),
    };
    let mut item = items.remove("new").unwrap();
    item.insert("Revision".to_owned(), dynamodb::text(revision));
    shop.put(table, item).await;
    shop.proxy.reset();
    format!("\"{revision}\"")
}

#[tokio::test]
async fn only_one_of_many_concurrent_creations_succeeds() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let requests = (0..20).map(|_| send(&shop, put(route, "new", body).header("If-None-Match", "*")));
        let statuses = statuses(&concurrently(requests).await);
        assert_eq!((statuses[0], &statuses[1..]), (201, &[412; 19][..]));
    }
}

/// The first attempt of a write fails if a later revision is stored already. Each further failure is
/// the success of another write, so that four writes need at most four of the five attempts.
#[tokio::test]
async fn concurrent_writes_without_a_precondition_all_succeed() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let responses = concurrently((0..4).map(|_| send(&shop, put(route, "new", body)))).await;
        assert_eq!(statuses(&responses), [200, 200, 200, 201]);
        let shown = send(&shop, get(route, "new")).await;
        assert!(responses.iter().any(|response| response.header("etag") == shown.header("etag")));
    }
}

#[tokio::test]
async fn only_one_of_many_concurrent_deletions_succeeds() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        put_ok(&shop, put(route, "new", body)).await;
        let statuses = statuses(&concurrently((0..20).map(|_| send(&shop, delete(route, "new")))).await);
        assert_eq!((statuses[0], &statuses[1..]), (204, &[404; 19][..]));
    }
}

/// The first attempt of a PUT takes effect, and its response is lost. Before the second attempt,
/// another client reads the record and changes it.
#[tokio::test]
async fn a_repeated_put_does_not_undo_a_later_change() {
    for (route, body) in KINDS {
        for precondition in [None, Some("*")] {
            let shop = TestShop::seeded().await;
            shop.proxy.on("PutItem").drop_response();
            let second_attempt = shop.proxy.on("PutItem").hold_request();
            let request = put(route, "new", body);
            let request =
                precondition.iter().fold(request, |request, tag| request.header("If-None-Match", tag));
            let first_client = send(&shop, request);
            let second_client = async {
                second_attempt.reached().await;
                let tag = send(&shop, get(route, "new")).await.header("etag").unwrap().to_owned();
                let changed = put_ok(&shop, put(route, "new", body).header("If-Match", &tag)).await;
                second_attempt.open();
                changed
            };
            let (first, changed) = tokio::join!(first_client, second_client);
            assert_eq!(first.status, BUSY, "{precondition:?}: its change may have been replaced");
            assert_eq!(send(&shop, get(route, "new")).await.header("etag"), Some(changed.as_str()));
        }
    }
}

/// The first attempt of a DELETE takes effect, and its response is lost. Before the second attempt,
/// another client creates the record again.
#[tokio::test]
async fn a_repeated_delete_does_not_delete_a_new_record() {
    for (route, body) in KINDS {
        for with_tag in [false, true] {
            let shop = TestShop::seeded().await;
            let tag = put_ok(&shop, put(route, "new", body)).await;
            shop.proxy.on("DeleteItem").drop_response();
            let second_attempt = shop.proxy.on("DeleteItem").hold_request();
            let request = delete(route, "new");
            let request = if with_tag { request.header("If-Match", &tag) } else { request };
            let first_client = send(&shop, request);
            let second_client = async {
                second_attempt.reached().await;
                let created = send(&shop, put(route, "new", body)).await;
                assert_eq!(created.status, 201);
                second_attempt.open();
                created.header("etag").unwrap().to_owned()
            };
            let (first, created) = tokio::join!(first_client, second_client);
            assert_eq!(first.status, BUSY, "with a tag: {with_tag}");
            assert_eq!(send(&shop, get(route, "new")).await.header("etag"), Some(created.as_str()));
        }
    }
}

#[tokio::test]
async fn a_lost_response_is_remembered_after_a_conflict() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        put_ok(&shop, put(route, "new", body)).await;
        shop.proxy.on("DeleteItem").drop_response();
        shop.proxy.on("DeleteItem").fail(AwsError::transaction_conflict());
        assert_eq!(send(&shop, delete(route, "new")).await.status, 204);
        assert_eq!(shop.proxy.calls("DeleteItem"), 3);
    }
}

#[tokio::test]
async fn replaces_and_deletes_a_record_of_a_clock_that_is_ahead() {
    for (route, body) in KINDS {
        let ahead = Revision::following(None, FAR_AHEAD, &[7; 10]);
        let shop = TestShop::seeded().await;
        let old = put_with_revision(&shop, route, body, &ahead).await;
        let tag = put_ok(&shop, put(route, "new", body)).await;
        assert!(tag > old, "{tag} does not sort after {old}");
        assert_eq!(shop.proxy.calls("PutItem"), 2, "the first call finds the later revision");

        let old = put_with_revision(&shop, route, body, &ahead).await;
        let tag = put_ok(&shop, put(route, "new", body).header("If-Match", &old)).await;
        assert!(tag > old, "{tag} does not sort after {old}");
        assert_eq!(shop.proxy.calls("PutItem"), 1, "the tag names the revision");

        put_with_revision(&shop, route, body, &ahead).await;
        assert_eq!(send(&shop, delete(route, "new")).await.status, 204);
    }
}

/// No version of this program stores such a revision.
#[tokio::test]
async fn a_revision_of_another_form_can_still_be_matched() {
    for (route, body) in KINDS {
        let shop = TestShop::seeded().await;
        let old = put_with_revision(&shop, route, body, &"zzz".parse().unwrap()).await;
        assert_eq!(send(&shop, put(route, "new", body)).await.status, BUSY);
        assert_eq!(send(&shop, put(route, "new", body).header("If-Match", &old)).await.status, 200);
    }
}
