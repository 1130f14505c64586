//! Plain HTTP/1.1 on the loopback interface: a client, and a server that can close a connection
//! without a response.

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

/// A request with a complete body.
pub type Request = hyper::Request<Bytes>;
/// A response with a complete body.
pub type Response = hyper::Response<Bytes>;

/// An instruction to close the connection without a response.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed by a fault rule")]
pub struct CloseConnection;

/// A server that stops and closes its connections when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// The URL of the server.
    pub url: String,
    _task: Task,
}

impl Server {
    /// Starts a server on a free port. The handler responds to a request or closes the connection.
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, CloseConnection>> + Send + 'static,
    {
        let (listener, url) = bind();
        Self { url, _task: Task::spawn(accept(listener, handler)) }
    }
}

/// Returns a listener on a free port of the loopback interface, and its URL.
pub(crate) fn bind() -> (StdListener, String) {
    let listener = StdListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a non-blocking listener");
    let url = format!("http://{}", listener.local_addr().expect("the listener's address"));
    (listener, url)
}

async fn accept<H, F>(listener: StdListener, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, CloseConnection>> + Send + 'static,
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
    F: Future<Output = Result<Response, CloseConnection>> + Send + 'static,
{
    stream.set_nodelay(true).expect("a stream without delay");
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let handler = handler.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| CloseConnection)?.to_bytes();
            handler(Request::from_parts(parts, body)).await.map(|response| response.map(Full::new))
        }
    });
    // An error means that the handler or the client closed the connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A client with a pool of connections. They belong to the runtime that sends the request.
#[derive(Debug, Clone)]
pub(crate) struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    pub(crate) async fn send(&self, request: Request) -> Response {
        let response = self.0.request(request.map(Full::new)).await.expect("a response");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Response::from_parts(parts, body)
    }
}
