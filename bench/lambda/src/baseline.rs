//! The lower limit of a warm invocation: the two DynamoDB requests of an order,
//! prepared and signed beforehand, one after the other on an open connection,
//! without Lambda. The second request depends on the response to the first, so
//! no function can send them at the same time.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{ApiResponse, TestShop, invocation};
use uuid::Uuid;

const OPERATIONS: [&str; 2] = ["BatchGetItem", "PutItem"];

/// The recorded requests, and the id of the order that they place.
#[derive(Debug)]
pub(crate) struct Baseline {
    authority: String,
    requests: [(&'static str, String); OPERATIONS.len()],
    order_id: String,
}

impl Baseline {
    /// Places an order in `shop` and records the requests to DynamoDB.
    pub(crate) async fn record(event: &str, shop: &TestShop) -> io::Result<Self> {
        shop.proxy.reset();
        let response =
            shop.order_service().handle(invocation::fixture(event)).await.map_err(io::Error::other)?;
        let order_id = ApiResponse::of(&response).json()["orderId"].as_str().unwrap_or_default().to_owned();
        let body = |operation| {
            let mut bodies = shop.proxy.requests(operation);
            bodies.pop().as_ref().map(Value::to_string).unwrap_or_default()
        };
        Ok(Self {
            authority: shop.endpoint().trim_start_matches("http://").to_owned(),
            requests: OPERATIONS.map(|operation| (operation, body(operation))),
            order_id,
        })
    }

    /// Measures the first order, including the time to connect, and then
    /// `count` more orders on the same connection.
    pub(crate) fn measure(&self, count: usize) -> io::Result<(Duration, Vec<Duration>)> {
        let start = Instant::now();
        let stream = TcpStream::connect(&self.authority)?;
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        self.place_order(&mut stream)?;
        let first = start.elapsed();
        let warm = (0..count).map(|_| self.place_order(&mut stream)).collect::<Result<_, _>>()?;
        Ok((first, warm))
    }

    fn place_order(&self, stream: &mut BufReader<TcpStream>) -> io::Result<Duration> {
        let id = Uuid::now_v7().to_string();
        let requests: Vec<_> = self.requests.iter().map(|request| self.request(request, &id)).collect();
        let start = Instant::now();
        for request in requests {
            stream.get_mut().write_all(request.as_bytes())?;
            read_response(stream)?;
        }
        Ok(start.elapsed())
    }

    fn request(&self, (operation, body): &(&str, String), id: &str) -> String {
        let body = body.replace(&self.order_id, id);
        format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-target: DynamoDB_20120810.{operation}\r\nx-amz-date: 20250101T000000Z\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={:064}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.authority,
            0,
            body.len()
        )
    }
}

/// Reads a whole response. Any status other than 200 is an error.
fn read_response(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.trim_end().to_owned();
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if status.contains(" 200 ") {
        return Ok(());
    }
    Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&body))))
}
