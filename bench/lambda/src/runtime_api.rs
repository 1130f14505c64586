//! Lambda's side of the runtime API, for one process of a function:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use test_support::http::{CloseConnection, Request, Response, Server};
use tokio::sync::Notify;
use uuid::Uuid;

/// How long anything that a function does may take: far beyond what it should.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long an invocation may take, as the function is told.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a function does over the runtime API, and when.
#[derive(Debug)]
enum Call {
    /// It asks for the next invocation.
    Next(Instant),
    /// It hands over an answer.
    Response(Instant, Bytes),
    /// It reports an error: of an invocation, or of its initialization.
    Error(Bytes),
}

/// A function did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Misbehaviour {
    #[error("the function reports an error: {0}")]
    Failed(String),
    #[error("the function does nothing for {PATIENCE:?}")]
    Silent,
    #[error("the function does {0} out of turn")]
    OutOfTurn(String),
}

/// The endpoint that `AWS_LAMBDA_RUNTIME_API` names for one process.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    server: Server,
    calls: Receiver<Call>,
    pending: Arc<Pending>,
}

/// The payload that the next `/next` is answered with.
#[derive(Debug, Default)]
struct Pending {
    payload: Mutex<Option<(Bytes, Sender<Instant>)>>,
    arrived: Notify,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let (sender, calls) = channel();
        let pending = Arc::new(Pending::default());
        let shared = Arc::clone(&pending);
        let server = Server::start(move |request| serve(request, sender.clone(), Arc::clone(&shared)));
        Self { server, calls, pending }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.server.url.trim_start_matches("http://")
    }

    /// When the function asked for its next invocation.
    pub(crate) fn wait_for_next(&self) -> Result<Instant, Misbehaviour> {
        match self.call()? {
            Call::Next(at) => Ok(at),
            other => Err(Misbehaviour::OutOfTurn(format!("{other:?}"))),
        }
    }

    /// Hands over an invocation to a function that has asked for one: how long
    /// it takes until the answer is there, and the answer.
    pub(crate) fn invoke(&self, payload: Bytes) -> Result<(Duration, Bytes), Misbehaviour> {
        let (sent, sent_at) = channel();
        *lock(&self.pending.payload) = Some((payload, sent));
        self.pending.arrived.notify_one();
        let begun = sent_at.recv_timeout(PATIENCE).map_err(|_| Misbehaviour::Silent)?;
        match self.call()? {
            Call::Response(at, body) => Ok((at.duration_since(begun), body)),
            other => Err(Misbehaviour::OutOfTurn(format!("{other:?}"))),
        }
    }

    fn call(&self) -> Result<Call, Misbehaviour> {
        match self.calls.recv_timeout(PATIENCE) {
            Ok(Call::Error(body)) => Err(Misbehaviour::Failed(String::from_utf8_lossy(&body).into_owned())),
            Ok(call) => Ok(call),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Misbehaviour::Silent),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn serve(
    request: Request,
    calls: Sender<Call>,
    pending: Arc<Pending>,
) -> Result<Response, CloseConnection> {
    let now = Instant::now();
    let path = request.uri().path();
    let body = request.body().clone();
    let call = match (request.method(), path.rsplit('/').next()) {
        (&Method::GET, Some("next")) => Call::Next(now),
        (&Method::POST, Some("response")) => Call::Response(now, body),
        (&Method::POST, Some("error")) => Call::Error(body),
        _ => return answer(StatusCode::NOT_FOUND, Bytes::new()),
    };
    let asks = matches!(call, Call::Next(_));
    // Nobody listens any more when the process is being stopped.
    calls.send(call).map_err(|_| CloseConnection)?;
    if asks { invocation(&pending).await } else { answer(StatusCode::ACCEPTED, Bytes::new()) }
}

/// Holds a `/next` until there is an invocation.
async fn invocation(pending: &Pending) -> Result<Response, CloseConnection> {
    let (payload, sent) = loop {
        pending.arrived.notified().await;
        if let Some(invocation) = lock(&pending.payload).take() {
            break invocation;
        }
    };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + TIMEOUT;
    let response = hyper::Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", Uuid::now_v7().to_string())
        .header("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
        .header("Lambda-Runtime-Trace-Id", "Root=1-67748580-0123456789abcdef01234567;Sampled=0")
        .body(payload)
        .map_err(|_| CloseConnection)?;
    sent.send(Instant::now()).map_err(|_| CloseConnection)?;
    Ok(response)
}

fn answer(status: StatusCode, body: Bytes) -> Result<Response, CloseConnection> {
    hyper::Response::builder().status(status).body(body).map_err(|_| CloseConnection)
}
