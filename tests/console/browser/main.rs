//! The console of a deployed stack in headless Chromium: `make test-console`.
//!
//! The tests run one after another, because they share the stack. `CONSOLE_URL` is the address that
//! `shop console` printed, `CHROMEDRIVER_URL` that of the driver, and `AXE` a file with axe-core.

mod browser;

use std::env;
use std::fs;

use serde_json::{Value, json};
use thirtyfour::Key;

use browser::{Browser, wait_until};

/// The name of product 003, which `tools/console_test.py` adds.
const MALICIOUS_NAME: &str = r#"<img src=x onerror="document.title='changed'">"#;

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn an_order_is_placed_confirmed_shipped_and_delivered_without_a_reload() {
    let browser = Browser::open().await;
    // A reload would remove this mark.
    browser.run("window.isFirstLoad = true").await;
    browser.click("#place button:not([type])").await;
    let answer = wait_until(async || {
        let answer = browser.text("#answer").await;
        answer.starts_with("Placed order ").then_some(answer)
    });
    let answer = answer.await;
    let order = answer.strip_prefix("Placed order ").unwrap().split(',').next().unwrap().to_owned();
    for (lane, action) in [("Confirmed", Some("ship")), ("Shipped", Some("deliver")), ("Delivered", None)] {
        let card = format!(r#"#lane-{lane} [data-order="{order}"]"#);
        browser.wait_for(&card).await;
        if let Some(action) = action {
            browser.click(&format!(r#"{card} button[aria-label="{action} order {order}"]"#)).await;
        }
    }
    wait_until(async || browser.is_balanced().await.then_some(())).await;
    assert_eq!(browser.run("return window.isFirstLoad").await, json!(true));
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn a_canceled_order_releases_its_stock_and_a_restock_adds_to_it() {
    let browser = Browser::open().await;
    let on_hand = async || {
        let text = browser.text("#stock li span").await;
        text.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse::<i64>().unwrap()
    };
    let before = on_hand().await;
    browser.click("#place button:not([type])").await;
    wait_until(async || (on_hand().await == before - 1).then_some(())).await;
    browser.click(r#"#lane-Confirmed li:first-child button[aria-label^="cancel"]"#).await;
    wait_until(async || (on_hand().await == before).then_some(())).await;
    browser.click(r#"button[aria-label="+10 units of product 001"]"#).await;
    wait_until(async || (on_hand().await == before + 10).then_some(())).await;
    wait_until(async || browser.is_balanced().await.then_some(())).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn the_keyboard_alone_places_an_order() {
    let browser = Browser::open().await;
    let mut reached = Vec::new();
    for _ in 0..40 {
        browser.press(Key::Tab).await;
        let focus = browser.run("return document.activeElement.textContent.trim()").await;
        reached.push(focus.clone());
        if focus == "Place order" {
            break;
        }
    }
    assert_eq!(reached.last(), Some(&json!("Place order")), "{reached:?}");
    browser.press(Key::Enter).await;
    wait_until(async || browser.text("#answer").await.starts_with("Placed order ").then_some(())).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn a_rejected_request_says_which_field_and_rule() {
    let browser = Browser::open().await;
    browser.run("document.querySelector('[name=quantity]').max = 5000; document.querySelector('[name=quantity]').value = 1001").await;
    browser.click("#place button:not([type])").await;
    let answer =
        wait_until(async || Some(browser.text("#answer").await).filter(|answer| answer.starts_with("422")));
    let answer = answer.await;
    assert!(answer.contains("#/items/0/quantity") && answer.contains("1000"), "{answer}");
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn markup_in_a_name_stays_text() {
    let browser = Browser::open().await;
    let names = browser.text("#stock").await;
    assert!(names.contains(MALICIOUS_NAME), "{names}");
    assert_eq!(browser.run("return document.images.length").await, json!(0));
    let title = browser.run("return document.title").await;
    assert!(title.as_str().unwrap().ends_with("shop console"), "{title}");
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn the_page_is_accessible_in_both_color_schemes_and_fits_a_phone() {
    let axe = fs::read_to_string(env::var("AXE").unwrap()).unwrap();
    for scheme in ["light", "dark"] {
        let browser = Browser::open().await;
        browser.set_color_scheme(scheme).await;
        browser.run(&axe).await;
        let found = browser
            .run_async("const done = arguments[0]; axe.run().then(done, (error) => done(String(error)))")
            .await;
        let violations = found["violations"].as_array().unwrap_or_else(|| panic!("{found}"));
        let rules: Vec<_> = violations.iter().map(|each| (&each["id"], &each["nodes"][0]["html"])).collect();
        assert_eq!(rules, [], "in the {scheme} scheme");
        browser.close().await;
    }
    let phone = Browser::with_size(400, 800).await;
    let overflow = "const page = document.scrollingElement; return page.scrollWidth - page.clientWidth";
    let wide = "return [...document.querySelectorAll('main *')]
        .filter((each) => !each.closest('#lanes') && each.getBoundingClientRect().right > innerWidth)
        .map((each) => each.outerHTML.slice(0, 80))";
    assert_eq!((phone.run(overflow).await, phone.run(wide).await), (json!(0), json!([])));
    phone.close().await;
}

#[tokio::test]
#[ignore = "needs a console: make test-console"]
async fn many_orders_at_once_leave_every_unit_accounted_for() {
    let browser = Browser::open().await;
    let decided = async || browser.text(r#"[data-count="decided"]"#).await.parse::<u64>().unwrap();
    let before = decided().await;
    browser.click("#many").await;
    wait_until(async || browser.text("#answer").await.starts_with("Placed 20 of 20 orders").then_some(()))
        .await;
    wait_until(async || (decided().await == before + 20).then_some(())).await;
    wait_until(async || browser.is_balanced().await.then_some(())).await;
    let errors: Value = browser.run("return window.errors").await;
    assert_eq!(errors, json!([]));
    browser.close().await;
}
