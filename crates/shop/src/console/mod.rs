//! `shop console`: a page that shows a stack live.

mod actions;
mod guard;
mod live;
mod model;
mod server;
mod view;

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api_client::{Access, ApiClient};
use crate::feed::FeedError;
use crate::stack::Stack;
use crate::table_reader::ReadError;
use actions::Actions;
use guard::Guard;
use live::Live;
use model::Model;

/// Options of `shop console`.
#[derive(Debug, Clone, Args)]
pub struct ConsoleOptions {
    /// Port on 127.0.0.1; 0 chooses a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Allow changes of a stack on AWS. Changes of the local stack are always allowed
    #[arg(long)]
    pub write: bool,
    /// Access to a closed API.
    #[command(flatten)]
    pub access: Access,
}

/// A console that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// A table cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A stream cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The port cannot be used, or no random token is available.
    #[error("console: {0}")]
    Serve(#[from] io::Error),
}

/// The content of the page. Its reader of the streams and its connections share it.
#[derive(Debug, Clone)]
struct Shared {
    model: Arc<Mutex<Model>>,
    /// Number of the last change. A connection waits for the next one.
    version: watch::Sender<u64>,
}

impl Shared {
    fn with_model<T>(&self, use_model: impl FnOnce(&mut Model) -> T) -> T {
        // A panic while the lock is held leaves a model that is still readable.
        use_model(&mut self.model.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Reads the stack, prints the address of the page, and serves it until the program is stopped.
///
/// # Errors
/// A [`ConsoleError`] if the stack cannot be read or the page cannot be served.
pub async fn run(stack: &Stack, options: &ConsoleOptions) -> Result<(), ConsoleError> {
    let shared = Shared { model: Arc::default(), version: watch::Sender::new(0) };
    let mut live = Live::open(stack, shared.clone()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let guard = Guard::new(listener.local_addr()?.port(), random_token()?);
    println!("{}", guard.address());
    let client = ApiClient::new(&stack.api_url, options.access.clone())?;
    let actions = (stack.is_local || options.write).then(|| Actions::new(client));
    let app = server::router(shared, guard, actions, stack.name.clone());
    tokio::select! {
        served = axum::serve(listener, app) => Ok(served?),
        () = live.follow() => Ok(()),
    }
}

/// Returns 128 random bits as text.
fn random_token() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().fold(String::new(), |mut token, byte| {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    }))
}
