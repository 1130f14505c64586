//! TLS in front of the DynamoDB engine, with a self-signed certificate.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A server that terminates TLS and forwards connections until it is dropped.
#[derive(Debug)]
pub(crate) struct TlsTerminator {
    url: String,
    certificate: PathBuf,
    _runtime: Runtime,
}

impl TlsTerminator {
    /// Starts a server in front of `endpoint`. Writes its certificate to `directory`.
    pub(crate) fn start(endpoint: &str, directory: &Path) -> Result<Self, Box<dyn Error>> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::create_dir_all(directory)?;
        let certificate = directory.canonicalize()?.join("certificate.pem");
        fs::write(&certificate, cert.pem())?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let engine = endpoint.trim_start_matches("http://").to_owned();
        runtime.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), engine));
        Ok(Self { url, certificate, _runtime: runtime })
    }

    /// Returns the environment variables that make a program use this server.
    /// Each language has its own variable for trusted certificates.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let certificate = self.certificate.to_string_lossy();
        let variables = [
            ("SSL_CERT_FILE", &*certificate),
            ("NODE_EXTRA_CA_CERTS", &certificate),
            ("AWS_CA_BUNDLE", &certificate),
            ("AWS_ENDPOINT_URL", &self.url),
            ("TLS_ROOTS", "system"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, engine: String) {
    while let Ok((client, _)) = listener.accept().await {
        let (acceptor, engine) = (acceptor.clone(), engine.clone());
        tokio::spawn(async move {
            // A connection ends with an error when its program is stopped.
            let _ = forward(client, acceptor, &engine).await;
        });
    }
}

async fn forward(client: TcpStream, acceptor: TlsAcceptor, engine: &str) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut engine = TcpStream::connect(engine).await?;
    engine.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut engine).await.map(drop)
}
