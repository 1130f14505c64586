//! Plain HTTP/1.1 on the loopback interface: a server that can also cut a
//! connection instead of answering, and a client.

use std::future::Future;
use std::net::TcpListener as StdListener;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::background::Task;

/// A request with its whole body.
pub type Request = hyper::Request<Bytes>;
/// An answer with its whole body.
pub type Response = hyper::Response<Bytes>;

/// Instead of an answer: the connection is closed without one.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut on purpose")]
pub struct Cut;

/// A server that stops, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub url: String,
    _task: Task,
}

impl Server {
    /// Starts one on a free port. The handler answers a request, or has the connection cut.
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Cut>> + Send + 'static,
    {
        let (listener, url) = bind();
        Self { url, _task: Task::spawn(accept(listener, handler)) }
    }
}

/// A listener on a free port of the loopback interface, and its URL.
pub(crate) fn bind() -> (StdListener, String) {
    let listener = StdListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a non-blocking listener");
    let url = format!("http://{}", listener.local_addr().expect("the listener's address"));
    (listener, url)
}

async fn accept<H, F>(listener: StdListener, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Cut>> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, handler.clone()));
    }
}

async fn serve<H, F>(stream: TcpStream, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Cut>> + Send + 'static,
{
    stream.set_nodelay(true).expect("a stream without delay");
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let handler = handler.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
            handler(Request::from_parts(parts, body)).await.map(|answer| answer.map(Full::new))
        }
    });
    // An error here is a connection that was cut, by the handler or by the client.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A client with a pool of connections, which live on the runtime that sends.
#[derive(Debug, Clone)]
pub(crate) struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    pub(crate) async fn send(&self, request: Request) -> Response {
        let answer = self.0.request(request.map(Full::new)).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Response::from_parts(parts, body)
    }
}
