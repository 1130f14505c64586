//! The server of the page.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use super::Shared;
use super::actions::{self, Actions};
use super::guard::{Guard, protect};
use super::view::View;

const PAGE: &str = include_str!("assets/console.html");
const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");

#[derive(Debug, Clone)]
struct App {
    shared: Shared,
    actions: Option<Actions>,
    stack: String,
}

impl FromRef<App> for Option<Actions> {
    fn from_ref(app: &App) -> Self {
        app.actions.clone()
    }
}

/// Returns the routes. Without `actions`, the page can change nothing.
pub(super) fn router(shared: Shared, guard: Guard, actions: Option<Actions>, stack: String) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/console.css", get(([(CONTENT_TYPE, "text/css")], STYLE)))
        .route("/console.js", get(([(CONTENT_TYPE, "text/javascript")], SCRIPT)))
        .route("/events", get(events))
        .route("/orders", post(actions::place))
        .route("/orders/{order}/{action}", post(actions::change))
        .route("/products/{product}/restock", post(actions::restock))
        .layer(from_fn_with_state(guard, protect))
        .with_state(App { shared, actions, stack })
}

async fn page(State(app): State<App>) -> impl IntoResponse {
    let (mode, description) =
        if app.actions.is_some() { ("write", "changes are allowed") } else { ("read", "read-only") };
    // A stack's name has only letters, digits and hyphens.
    let page = PAGE.replace("{{stack}}", &app.stack).replace("{{mode}}", mode);
    Html(page.replace("{{description}}", description))
}

/// Sends the view now and after each change. A slow page skips views, and gets the newest one.
async fn events(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = app.shared.version.subscribe();
    let views = stream::unfold((app.shared, changes, true), next_view);
    Sse::new(views).keep_alive(KeepAlive::default())
}

type Views = (Shared, watch::Receiver<u64>, bool);

async fn next_view((shared, mut changes, is_first): Views) -> Option<(Result<Event, Infallible>, Views)> {
    if !is_first {
        changes.changed().await.ok()?;
    }
    changes.borrow_and_update();
    let json = shared.with_model(|model| serde_json::to_string(&View::of(model))).ok()?;
    Some((Ok(Event::default().data(json)), (shared, changes, false)))
}
