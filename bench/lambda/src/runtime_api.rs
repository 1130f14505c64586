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

/// The time after which a silent function counts as failed. It is far above
/// every expected time.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// The timeout of an invocation, which the function receives as its deadline.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A call of the runtime API with the time at which it arrived.
#[derive(Debug)]
enum Call {
    /// A request for the next invocation.
    Next(Instant),
    /// The response to an invocation.
    Response(Instant, Bytes),
    /// An error of an invocation or of the initialization.
    Error(Bytes),
}

/// A violation of the runtime API's protocol by a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("the function reports an error: {0}")]
    Reported(String),
    #[error("the function did not call the runtime API for {CALL_TIMEOUT:?}")]
    Timeout,
    #[error("the function made an unexpected call: {0}")]
    UnexpectedCall(String),
}

/// A server for the endpoint in `AWS_LAMBDA_RUNTIME_API`.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    server: Server,
    calls: Receiver<Call>,
    pending: Arc<PendingInvocation>,
}

/// The payload for the next request, with a channel for the time at which it is sent.
#[derive(Debug, Default)]
struct PendingInvocation {
    payload: Mutex<Option<(Bytes, Sender<Instant>)>>,
    arrived: Notify,
}

impl RuntimeApi {
    /// Starts a server on a free port.
    pub(crate) fn start() -> Self {
        let (sender, calls) = channel();
        let pending = Arc::new(PendingInvocation::default());
        let shared = Arc::clone(&pending);
        let server = Server::start(move |request| serve(request, sender.clone(), Arc::clone(&shared)));
        Self { server, calls, pending }
    }

    /// Returns host and port.
    pub(crate) fn authority(&self) -> &str {
        self.server.url.trim_start_matches("http://")
    }

    /// Waits until the function requests an invocation. Returns the time of the request.
    pub(crate) fn wait_for_next(&self) -> Result<Instant, ProtocolError> {
        match self.call()? {
            Call::Next(at) => Ok(at),
            other => Err(ProtocolError::UnexpectedCall(format!("{other:?}"))),
        }
    }

    /// Sends an invocation to a function that has requested one. Returns the
    /// time until the function responded, and the response.
    pub(crate) fn invoke(&self, payload: Bytes) -> Result<(Duration, Bytes), ProtocolError> {
        let (sent, sent_at) = channel();
        *lock(&self.pending.payload) = Some((payload, sent));
        self.pending.arrived.notify_one();
        let start = sent_at.recv_timeout(CALL_TIMEOUT).map_err(|_| ProtocolError::Timeout)?;
        match self.call()? {
            Call::Response(at, body) => Ok((at.duration_since(start), body)),
            other => Err(ProtocolError::UnexpectedCall(format!("{other:?}"))),
        }
    }

    fn call(&self) -> Result<Call, ProtocolError> {
        match self.calls.recv_timeout(CALL_TIMEOUT) {
            Ok(Call::Error(body)) => {
                Err(ProtocolError::Reported(String::from_utf8_lossy(&body).into_owned()))
            }
            Ok(call) => Ok(call),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(ProtocolError::Timeout),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn serve(
    request: Request,
    calls: Sender<Call>,
    pending: Arc<PendingInvocation>,
) -> Result<Response, CloseConnection> {
    let now = Instant::now();
    let path = request.uri().path();
    let body = request.body().clone();
    let call = match (request.method(), path.rsplit('/').next()) {
        (&Method::GET, Some("next")) => Call::Next(now),
        (&Method::POST, Some("response")) => Call::Response(now, body),
        (&Method::POST, Some("error")) => Call::Error(body),
        _ => return respond(StatusCode::NOT_FOUND),
    };
    let requests_invocation = matches!(call, Call::Next(_));
    // The receiver is closed while the process is being stopped.
    calls.send(call).map_err(|_| CloseConnection)?;
    if requests_invocation { next_invocation(&pending).await } else { respond(StatusCode::ACCEPTED) }
}

/// Waits for an invocation and returns it.
async fn next_invocation(pending: &PendingInvocation) -> Result<Response, CloseConnection> {
    let (payload, sent) = loop {
        pending.arrived.notified().await;
        if let Some(invocation) = lock(&pending.payload).take() {
            break invocation;
        }
    };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + INVOCATION_TIMEOUT;
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

fn respond(status: StatusCode) -> Result<Response, CloseConnection> {
    hyper::Response::builder().status(status).body(Bytes::new()).map_err(|_| CloseConnection)
}
