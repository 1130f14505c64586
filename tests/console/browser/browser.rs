//! A browser with the console.

use std::env;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, Key};

/// The time after which a missing change fails a test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A browser that shows the console.
pub(crate) struct Browser(WebDriver);

impl Browser {
    /// Opens the console in a window of a desktop.
    pub(crate) async fn open() -> Self {
        Self::with_size(1280, 1000).await
    }

    /// Opens the console in a window with this size in pixels.
    pub(crate) async fn with_size(width: u32, height: u32) -> Self {
        let mut capabilities = ChromeCapabilities::new();
        let size = format!("--window-size={width},{height}");
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &size]
        {
            capabilities.add_arg(argument).unwrap();
        }
        let driver = WebDriver::new(env::var("CHROMEDRIVER_URL").unwrap(), capabilities).await.unwrap();
        driver.goto(env::var("CONSOLE_URL").unwrap()).await.unwrap();
        let browser = Self(driver);
        browser
            .run("window.errors = []; addEventListener('error', (event) => errors.push(event.message))")
            .await;
        wait_until(async || (browser.text("#connection").await == "live").then_some(())).await;
        browser.wait_for("#stock li").await;
        browser
    }

    pub(crate) async fn close(self) {
        self.0.quit().await.unwrap();
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.0.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Runs a script in the page that calls its last argument when it is done.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.0.execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Returns the text of an element. The page may replace the element meanwhile, so a script reads it.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.textContent ?? ''", json!(selector));
        self.run(&script).await.as_str().unwrap().to_owned()
    }

    /// Waits until an element exists.
    pub(crate) async fn wait_for(&self, selector: &str) {
        let script = format!("return document.querySelector({}) !== null", json!(selector));
        wait_until(async || (self.run(&script).await == json!(true)).then_some(())).await;
    }

    /// Waits until an element exists, and clicks it. The page may replace an element meanwhile.
    pub(crate) async fn click(&self, selector: &str) {
        self.wait_for(selector).await;
        wait_until(async || self.0.find(By::Css(selector)).await.ok()?.click().await.ok()).await;
    }

    /// Presses a key.
    pub(crate) async fn press(&self, key: Key) {
        self.0.action_chain().send_keys(key).perform().await.unwrap();
    }

    pub(crate) async fn is_balanced(&self) -> bool {
        self.text("#meter").await.ends_with("✓ balanced")
    }

    pub(crate) async fn set_color_scheme(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.0.cdp().send_raw("Emulation.setEmulatedMedia", features).await.unwrap();
    }
}

/// Repeats a check until it returns a value.
pub(crate) async fn wait_until<T>(check: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(started.elapsed() < TIMEOUT, "the page does not change as expected");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
