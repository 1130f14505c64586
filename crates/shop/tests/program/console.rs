//! `shop console` over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use test_support::{EventDriver, TestShop};

use crate::orders::place;
use crate::stack_file::StackFile;

/// The time after which a missing event fails the test.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running console, until this is dropped.
struct Console {
    process: Child,
    port: String,
    token: String,
}

impl Console {
    fn start(file: &StackFile) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_shop"));
        program.args(["console", "--port", "0", "--local", file.path()]).stdout(Stdio::piped());
        let mut process = program.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let (host, token) = address.trim().split_once("/?token=").unwrap();
        let port = host.strip_prefix("http://127.0.0.1:").unwrap().to_owned();
        Self { process, port, token: token.to_owned() }
    }

    /// Sends a request with these header lines, and returns the connection.
    fn send(&self, line: &str, headers: &str) -> TcpStream {
        let mut connection = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        connection.set_read_timeout(Some(TIMEOUT)).unwrap();
        write!(connection, "{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
        connection
    }

    /// Sends a request and returns the response.
    fn request(&self, line: &str, headers: &str) -> String {
        let mut response = String::new();
        self.send(line, headers).read_to_string(&mut response).unwrap();
        response
    }

    fn host(&self) -> String {
        format!("Host: 127.0.0.1:{}\r\n", self.port)
    }

    fn cookie(&self) -> String {
        format!("{}Cookie: other=1; console-{}={}\r\n", self.host(), self.port, self.token)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_an_order_that_is_placed_and_confirmed_without_a_reload() {
    let shop = TestShop::seeded().await;
    let file = StackFile::of(&shop);
    let console = Console::start(&file);
    let mut lines = BufReader::new(console.send("GET /events", &console.cookie())).lines();
    let mut next_view = || loop {
        if let Some(json) = lines.next().unwrap().unwrap().strip_prefix("data: ") {
            return serde_json::from_str::<Value>(json).unwrap();
        }
    };
    let count = |view: &Value, status: &str| {
        let lanes = view["lanes"].as_array().unwrap().iter();
        lanes.filter(|lane| lane["status"] == status).map(|lane| lane["count"].as_u64().unwrap()).sum::<u64>()
    };
    let first = next_view();
    assert_eq!((count(&first, "Placed"), count(&first, "Confirmed")), (1, 0));
    let balanced =
        |on_hand, held| serde_json::json!({"recorded": 350, "onHand": on_hand, "held": held, "inFlight": 0});
    assert_eq!(first["meter"], balanced(350, 0));
    assert_eq!(first["stock"][0]["name"], "Wireless Headphones");

    let id = place(&shop, 2).await;
    EventDriver::new(&shop).await.run().await;
    let confirmed = loop {
        let view = next_view();
        if count(&view, "Confirmed") == 1 && view["meter"]["inFlight"] == 0 {
            break view;
        }
    };
    assert_eq!(confirmed["meter"], balanced(347, 3));
    assert_eq!(confirmed["changes"][0]["orderId"], id.as_str());
    assert_eq!(
        (&confirmed["stock"][0]["held"], &confirmed["flow"]["byStatus"]["Confirmed"]),
        (&2.into(), &1.into())
    );
    assert!(!confirmed.to_string().contains('@'), "an email address");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_page_itself_gets_a_response() {
    let shop = TestShop::seeded().await;
    let file = StackFile::of(&shop);
    let console = Console::start(&file);
    let (host, cookie, token) = (console.host(), console.cookie(), &console.token);
    let origin = format!("Origin: http://127.0.0.1:{}\r\n", console.port);
    let is = |status: u16, response: &str| response.starts_with(&format!("HTTP/1.1 {status} "));

    let opened = console.request(&format!("GET /?token={token}"), &host);
    assert!(is(303, &opened) && opened.contains("HttpOnly; SameSite=Strict"), "{opened}");
    let page = console.request("GET /", &cookie);
    assert!(is(200, &page) && page.contains("default-src 'none'; script-src 'self'"), "{page}");
    assert!(page.contains("x-content-type-options: nosniff") && page.contains("<h1>test</h1>"), "{page}");

    for (line, headers) in [
        ("GET /", host.clone()),
        ("GET /events", host.clone()),
        ("GET /?token=0", host.clone()),
        ("GET /", format!("{host}Cookie: console-{}=0\r\n", console.port)),
        ("GET /", cookie.replace("127.0.0.1:", "shop.example:")),
        ("POST /orders", cookie.clone()),
        ("POST /orders", format!("{cookie}Origin: http://shop.example\r\n")),
        ("POST /orders", format!("{host}{origin}")),
        ("POST /orders/o1/cancel", format!("{cookie}Origin: null\r\n")),
    ] {
        let response = console.request(line, &headers);
        assert!(is(403, &response), "{line} {headers}: {response}");
    }
    // The API of this stack does not run.
    let cancel = console.request("POST /orders/o1/cancel", &format!("{cookie}{origin}"));
    assert!(is(502, &cancel) && cancel.contains("connection failed"), "{cancel}");
    for path in ["/orders/a%2Fb/cancel", "/orders/o1/delete", "/products/..%2Forder/restock"] {
        let json = "Content-Type: application/json\r\nContent-Length: 11\r\n";
        let mut connection = console.send(&format!("POST {path}"), &format!("{cookie}{origin}{json}"));
        write!(connection, "{{\"units\":1}}").unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).unwrap();
        assert!(is(404, &response), "{path}: {response}");
    }
}
