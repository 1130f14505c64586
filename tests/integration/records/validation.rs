//! Bodies that break a rule. They change nothing.

use test_support::TestShop;

use super::{ALICE, CUSTOMER, KINDS, LAMP, PRODUCT, put, send};

fn customer(email: &str, name: &str) -> String {
    serde_json::json!({"email": email, "name": name}).to_string()
}

fn product(name: &str, price: &str) -> String {
    format!(r#"{{"name":{},"price":{price}}}"#, serde_json::json!(name))
}

async fn assert_rejected(route: &str, cases: &[(String, &str)]) {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for (body, violation) in cases {
        let response = send(&shop, put(route, "001", body)).await;
        assert_eq!(response.problem(), (422, "invalid".into()), "{body}");
        let violations: Vec<_> =
            response.violations().iter().map(|(pointer, rule)| format!("{pointer} {rule}")).collect();
        assert_eq!(violations, [*violation], "{body}");
    }
    assert_eq!(shop.proxy.calls("PutItem"), 0);
    assert_eq!(shop.snapshot().await, before);
}

#[tokio::test]
async fn names_the_broken_rule_of_a_customer() {
    let longest = format!("{}@example.com", "x".repeat(242));
    let mut cases = vec![
        (customer(&format!("x{longest}"), "A"), "#/email format"),
        (ALICE.replace("}", r#","customerId":"002"}"#), "#/customerId id-differs"),
        (ALICE.replace("}", r#","customerId":7}"#), "#/customerId type"),
        (ALICE.replace("}", r#","phone":"1"}"#), "#/phone unknown-field"),
        (ALICE.replace("}", r#","name":"B"}"#), "#/name duplicate-field"),
        (r#"{"name":"A"}"#.to_owned(), "#/email required"),
        (r#"{"email":"a@b"}"#.to_owned(), "#/name required"),
        (r#"{"email":"a@b","name":"\ud800"}"#.to_owned(), "#/name type"),
    ];
    for email in ["", "alice", "@example.com", "alice@", "a@b@c", "a b@c", "a@b\n", "a\u{200f}@b"] {
        cases.push((customer(email, "A"), "#/email format"));
    }
    for name in ["", " ", " A", "A ", "A\nB", "A\0", "\u{200f}A", "A\u{202e}B", &"é".repeat(201)] {
        cases.push((customer("a@b", name), "#/name format"));
    }
    assert_rejected(CUSTOMER, &cases).await;
}

#[tokio::test]
async fn names_the_broken_rule_of_a_product() {
    let mut cases = vec![
        (product("A", "0"), "#/price below-minimum"),
        (product("A", "0.00"), "#/price below-minimum"),
        (product("A", "-0.01"), "#/price below-minimum"),
        (product("A", "0.001"), "#/price too-precise"),
        (product("A", "1.005"), "#/price too-precise"),
        (product("A", "1000000000000.01"), "#/price above-maximum"),
        (product("A", "1e400"), "#/price above-maximum"),
        (product("A", "\"1\""), "#/price type"),
        (LAMP.replace("}", r#","productId":"002"}"#), "#/productId id-differs"),
        (LAMP.replace("}", r#","quantity":1}"#), "#/quantity unknown-field"),
        (r#"{"name":"A"}"#.to_owned(), "#/price required"),
        (r#"{"price":1}"#.to_owned(), "#/name required"),
    ];
    for name in ["", "\u{85}", "A\u{2066}B", &"x".repeat(201)] {
        cases.push((product(name, "1"), "#/name format"));
    }
    assert_rejected(PRODUCT, &cases).await;
}

#[tokio::test]
async fn accepts_the_limits_of_each_rule() {
    let shop = TestShop::seeded().await;
    let longest = format!("{}@example.com", "x".repeat(242));
    for body in [
        customer(&longest, "A"),
        customer("a@b", &"é".repeat(200)),
        customer("zoë@münchen.example", "مرحبا"),
        ALICE.replace("}", r#","customerId":"001"}"#),
    ] {
        assert_eq!(send(&shop, put(CUSTOMER, "001", &body)).await.status, 200, "{body}");
    }
    for body in [
        product("A", "0.01"),
        product("A", "1000000000000"),
        product("A", "1e12"),
        product(&"👩‍🚀".repeat(66), "1.10"),
        LAMP.replace("}", r#","productId":"001"}"#),
    ] {
        assert_eq!(send(&shop, put(PRODUCT, "001", &body)).await.status, 200, "{body}");
    }
}

#[tokio::test]
async fn rejects_what_is_no_json_body() {
    let shop = TestShop::seeded().await;
    let before = shop.snapshot().await;
    for (route, body) in KINDS {
        let huge = format!("{}{body}", " ".repeat(1024 * 1024));
        for (request, status) in [
            (put(route, "001", ""), 400),
            (put(route, "001", "{"), 400),
            (put(route, "001", "[]"), 422),
            (put(route, "001", &huge), 413),
            (put(route, "001", body).header("Content-Type", "text/plain"), 415),
            (put(route, "a b", body), 404),
            (put(route, "a/b", body), 404),
            (put(route, &"x".repeat(65), body), 404),
        ] {
            assert_eq!(send(&shop, request).await.status, status);
        }
    }
    assert_eq!(shop.snapshot().await, before);
}
